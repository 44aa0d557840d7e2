"""Which stretch of a long text a picture shows."""

from dataclasses import dataclass
from typing import Final

from viz.sentences import later, say

_ALL: Final = {
    "tokens": later("all {total} tokens"),
    "words": later("all {total} words"),
    "tracks": later("all {total} tracks"),
}
_SOME: Final = {
    "tokens": later("tokens {first} to {last} of {total}"),
    "words": later("words {first} to {last} of {total}"),
    "tracks": later("tracks {first} to {last} of {total}"),
}


@dataclass(frozen=True)
class Window:
    """The tokens `start` to `stop - 1` of a text of `total` tokens."""

    start: int
    stop: int
    total: int

    @property
    def size(self) -> int:
        """How many tokens are shown."""
        return self.stop - self.start

    @property
    def cut(self) -> bool:
        """Whether tokens are left out."""
        return self.size < self.total

    def describe(self, units: str = "tokens") -> str:
        """Says what is shown, with positions counted as everywhere on the page (from 0).

        Args:
            units: What is counted: "tokens", "words" or "tracks".
        """
        if not self.cut:
            return say(_ALL[units], total=self.total)
        return say(_SOME[units], first=self.start, last=self.stop - 1, total=self.total)


def window_to(cursor: int, total: int, size: int) -> Window:
    """Returns the `size` tokens that end with the cursor's: a model looks back, so what matters lies before it.

    Args:
        cursor: A position that the window must hold, 0 to total - 1.
        total: How many tokens there are.
        size: The most to show. Near the start of the text the window reaches past the cursor to stay full.
    """
    stop = min(total, max(cursor + 1, size))
    return Window(max(0, stop - size), stop, total)
