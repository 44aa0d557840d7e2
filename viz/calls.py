"""What a page asked, as data: it can be asked again, and written down as Python.

So an export of a view and a notebook of it cannot say different things.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """Something that is known by a name, such as `moment`."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function that is called on plain values, names, and what other calls returned.

    Attributes:
        function: A name, such as "hide_sink", or a method of something that has one, such as "model.attention".
        arguments: In their order; of a list each value likewise.
        named: Those that are given by name, in their order.
        only_last: Whether it gives one answer after the other, of which the last one counts.
        upto: How many of the first values of what it returned count, None for all.
        item: Which one of the values of what it returned counts, None for all.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()
    only_last: bool = False
    upto: int | None = None
    item: int | None = None

    def names(self) -> frozenset[str]:
        """What the call is about: the names that it begins with or is given, such as "model" and "moment"."""
        given = (*self.arguments, *(value for _, value in self.named))
        return frozenset({self.function.split(".")[0]}.union(*map(_names, given)))

    def source(self) -> str:
        """The call as a Python expression."""
        parts = [_source(value) for value in self.arguments]
        parts += [f"{name}={_source(value)}" for name, value in self.named]
        text = f"{self.function}({', '.join(parts)})"
        text = f"[*{text}][-1]" if self.only_last else text
        text = text if self.upto is None else f"{text}[:{self.upto}]"
        return text if self.item is None else f"{text}[{self.item}]"

    def run(self, known: Mapping[str, Any]) -> Any:
        """Asks.

        Args:
            known: What the names stand for.
        """
        *_, answer = self.parts(known)
        answer = answer if self.upto is None else answer[: self.upto]
        return answer if self.item is None else answer[self.item]

    def parts(self, known: Mapping[str, Any]) -> Iterator[Any]:
        """Asks; gives one answer after the other where there are several, whole each.

        Args:
            known: What the names stand for.
        """
        first, *attributes = self.function.split(".")
        function = known[first]
        for attribute in attributes:
            function = getattr(function, attribute)
        named = {name: _value(value, known) for name, value in self.named}
        answer = function(*(_value(value, known) for value in self.arguments), **named)
        yield from answer if self.only_last else (answer,)


def of_model(method: str, *arguments: Any, only_last: bool = False, upto: int | None = None, **named: Any) -> Call:
    """A question about the moment."""
    return Call(f"model.{method}", (Name("moment"), *arguments), tuple(named.items()), only_last, upto)


def _source(value: Any) -> str:
    if isinstance(value, Call):
        return value.source()
    if isinstance(value, list):
        return f"[{', '.join(map(_source, value))}]"
    return value.name if isinstance(value, Name) else repr(value)


def _names(value: Any) -> frozenset[str]:
    if isinstance(value, Call):
        return value.names()
    if isinstance(value, list):
        return frozenset().union(*map(_names, value))
    return frozenset({value.name}) if isinstance(value, Name) else frozenset()


def _value(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, Call):
        return value.run(known)
    if isinstance(value, list):
        return [_value(each, known) for each in value]
    return known[value.name] if isinstance(value, Name) else value
