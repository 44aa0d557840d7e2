"""What is chosen inside the tabs and concerns the page alone: an order, a filter, the settings of a coming question.

The page knows what each means; here it only travels with the view, so that a link, a reload and the browser's Back
bring it back.
"""

import re
from typing import Final

from model_runtime.errors import BadMoment
from viz.sentences import say

MOST_CHOICES: Final = 60
MOST_TEXT: Final = 1_000  # characters of each
_NAME: Final = re.compile(r"[a-z]{1,20}\.[a-z-]{1,20}")

Choices = tuple[tuple[str, str], ...]


def read_choices(content: object) -> Choices:
    """Checks the choices that a page sent, name -> text; returns them by name.

    Raises:
        BadMoment: They are none, too many, or one is too long.
    """
    if not isinstance(content, dict) or len(content) > MOST_CHOICES:
        told = say("The choices in the tabs cannot be read; up to {most} can. Reload the page.", most=MOST_CHOICES)
        raise BadMoment(told)
    for name, text in content.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(text, str) or len(text) > MOST_TEXT:
            raise BadMoment(say("A choice in a tab cannot be read. Reload the page to begin anew."))
    return tuple(sorted(content.items()))
