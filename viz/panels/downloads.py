"""What can be taken from the page as a file: what a download is, and what makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from viz.panels.view import View

if TYPE_CHECKING:
    from model_runtime.model import Model


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
        make: Makes the file of a view; may raise any `TokenscopeError`, whose words are shown below the list.
    """

    name: str
    title: str
    what: str
    make: Callable[["Model", View], File]
