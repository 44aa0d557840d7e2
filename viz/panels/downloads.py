"""What can be taken from the page as a file: what a download is, and what makes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from viz.panels.view import View

if TYPE_CHECKING:
    from model_runtime.model import Model

Detail = Mapping[str, Any] | None


@dataclass(frozen=True)
class File:
    """A file on its way to the page.

    Attributes:
        name: What the browser saves it as.
        media: Its media type, such as "text/csv".
        content: Its bytes.
    """

    name: str
    media: str
    content: bytes


@dataclass(frozen=True)
class Download:
    """One entry of the list of downloads in the popover "Share".

    Attributes:
        name: Its id.
        title: What its button says.
        what: What one gets, in one line.
        make: Makes the file of a view and of what came with the open tab's own question when the page asked it last
            (None where it did not); may raise any `TokenscopeError`, whose words are shown below the list.
        size: Says before how large it will be where it may be large, and whether that is too large for the page.
    """

    name: str
    title: str
    what: str
    make: Callable[["Model", View, Detail], File]
    size: "Callable[[Model, View], tuple[str, bool]] | None" = None
