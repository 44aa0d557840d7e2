"""What a page asked, as data: it can be asked again, and written down as Python.

So an export of a view and a notebook of it cannot say different things.
"""

from collections.abc import Mapping
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
        arguments: In their order.
        named: Those that are given by name, in their order.
        only_last: Whether it gives one answer after the other, of which the last one counts.
        upto: How many of the first values of what it returned count, None for all.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()
    only_last: bool = False
    upto: int | None = None

    def source(self) -> str:
        """The call as a Python expression."""
        parts = [_source(value) for value in self.arguments]
        parts += [f"{name}={_source(value)}" for name, value in self.named]
        text = f"{self.function}({', '.join(parts)})"
        text = f"[*{text}][-1]" if self.only_last else text
        return text if self.upto is None else f"{text}[:{self.upto}]"

    def run(self, known: Mapping[str, Any]) -> Any:
        """Asks.

        Args:
            known: What the names stand for.
        """
        first, *attributes = self.function.split(".")
        function = known[first]
        for attribute in attributes:
            function = getattr(function, attribute)
        named = {name: _value(value, known) for name, value in self.named}
        answer = function(*(_value(value, known) for value in self.arguments), **named)
        if self.only_last:
            *_, answer = answer
        return answer if self.upto is None else answer[: self.upto]


def of_model(method: str, *arguments: Any, only_last: bool = False, upto: int | None = None, **named: Any) -> Call:
    """A question about the moment."""
    return Call(f"model.{method}", (Name("moment"), *arguments), tuple(named.items()), only_last, upto)


def _source(value: Any) -> str:
    if isinstance(value, Call):
        return value.source()
    return value.name if isinstance(value, Name) else repr(value)


def _value(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, Call):
        return value.run(known)
    return known[value.name] if isinstance(value, Name) else value
