"""Settings that are tried on the present distribution without being the page's, and how often is drawn with them."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from model_runtime import BadDecoding, BadMoment, Decoding
from viz.sentences import later, say

COUNTS: Final = (1_000, 100, 10_000)  # of draws; the first unless another is chosen
_UNREADABLE: Final = later("The settings that are tried cannot be read. Reload the page to begin anew.")


@dataclass(frozen=True)
class Playground:
    """What is tried.

    Attributes:
        decoding: The settings, without stop texts; None for the page's own.
        count: How many tokens are drawn.
    """

    decoding: Decoding | None = None
    count: int = COUNTS[0]

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        if self.decoding is None:
            return {"decoding": None, "count": self.count}
        return {"decoding": {**asdict(self.decoding), "stop": list(self.decoding.stop)}, "count": self.count}


def read_playground(content: object) -> Playground:
    """Reads what a page sent.

    Raises:
        BadMoment: It is none, or settings are outside their range.
    """
    if not isinstance(content, dict) or content.get("count") not in COUNTS:
        raise BadMoment(say(_UNREADABLE))
    given = content.get("decoding")
    if given is None:
        return Playground(None, int(content["count"]))
    if not isinstance(given, dict):
        raise BadMoment(say(_UNREADABLE))
    try:
        return Playground(Decoding(**{**given, "stop": ()}), int(content["count"]))
    except (TypeError, BadDecoding) as error:
        raise BadMoment(say(_UNREADABLE)) from error
