"""What a tab asks of the model, and what is drawn of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from viz.calls import Call


@dataclass(frozen=True)
class Picture:
    """Which array of an answer is drawn.

    Attributes:
        answer: The name of the answer.
        field: The array's field, [row] or [row, column].
        key: Its key where the field holds several, else "".
        rows: What the rows are called, "" where nothing names them but their index.
        columns: Likewise; the only axis of an array [row] is drawn along the columns.
        first_row: The index of the first row, and so of the first column.
        first_column: As above.
    """

    answer: str
    field: str
    rows: str = ""
    columns: str = "token"
    key: str = ""
    first_row: int = 0
    first_column: int = 0

    def expression(self) -> str:
        """The array as a Python expression over the answers' names."""
        return f"{self.answer}.{self.field}" + (f"[{self.key!r}]" if self.key else "")

    def of(self, answers: Mapping[str, Any]) -> Any:
        """The array."""
        value = getattr(answers[self.answer], self.field)
        return value[self.key] if self.key else value


@dataclass(frozen=True)
class Asked:
    """What a tab asks.

    Attributes:
        calls: By the name of the answer.
        picture: What is drawn of the answers.
        known: Answers that are known already, by name: they are not asked for again.
        missing: What is not on the page yet, and how to ask for it, in a sentence; "" where nothing is.
    """

    calls: dict[str, Call]
    picture: Picture
    known: dict[str, Any] = field(default_factory=dict)
    missing: str = ""


BARS: Final = Picture("distribution", "raw", columns="candidate")
