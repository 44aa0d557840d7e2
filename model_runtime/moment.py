"""A moment: all there is to know about where a text stands, small enough to travel in a link.

Everything else (the KV cache, what was recorded) can be computed again from a moment and the model it names.
"""

import base64
import binascii
import json
import math
import zlib
from collections.abc import Iterable
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from model_runtime.errors import BadDecoding, BadMoment, OutOfRange
from model_runtime.interventions import (
    MAX_ID,
    MAX_STEER_IDS,
    MAX_STEERS,
    MAX_STRENGTH,
    WAYS,
    Ablate,
    Intervention,
    Steer,
    is_index,
    ordered,
    read_ablations,
    read_steers,
)

__all__ = [
    "MAX_STEERS",
    "MAX_STEER_IDS",
    "MAX_STRENGTH",
    "WAYS",
    "Ablate",
    "Decoding",
    "Intervention",
    "Moment",
    "Steer",
]

VERSION = 2  # what texts with steering are written as, which an older program would show unsteered; others stay 1
MAX_TEXT = 2_000_000  # characters of a saved moment; a million tokens compress to less
MAX_JSON = 8_000_000  # bytes after decompression: what keeps a small malicious link from filling the memory
MAX_SEED = 2**63 - 1
MAX_STOPS = 16
MAX_STOP_LENGTH = 200


def _number(name: str, value: object, low: float, high: float, hint: str) -> None:
    """Refuses anything but a real number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadDecoding(f"{name} is {value!r}, which is not a number; {hint}.")
    if not low <= value <= high:
        raise BadDecoding(f"{name} is {value!r}; {hint}.")


def _whole(name: str, value: object, high: int, hint: str) -> None:
    """Refuses anything but a whole number from 0 to high."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise BadDecoding(f"{name} is {value!r}; {hint}.")


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen from the distribution; the default is greedy.

    The filters run in the order in which transformers' `generate` runs them: repetition penalty, temperature, top-k,
    top-p, min-p. The same moment always takes the same step: the draw depends on nothing but the seed and the index
    of the new token.

    Attributes:
        temperature: 0 takes the most probable token; otherwise 0.001 to 100, which logits are divided by.
        top_k: Keeps the k most probable tokens; 0 keeps all.
        top_p: Keeps the fewest tokens that together reach this probability, above 0 to 1; 1 keeps all.
        min_p: Keeps tokens with at least this share of the top token's probability, 0 to 1; 0 keeps all.
        repetition_penalty: Divides positive and multiplies negative logits of tokens that occurred; 0.01 to 100; 1 is
            off.
        seed: Of the draws, 0 to 2**63 - 1.
        stop: Texts that end the generation once the generated text contains one of them.

    Raises:
        BadDecoding: A setting is outside its range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _number("temperature", self.temperature, 0, 100, "use 0 for greedy, or 0.001 to 100")
        if 0 < self.temperature < 0.001:
            raise BadDecoding(f"temperature is {self.temperature!r}; use 0 for greedy, or 0.001 to 100.")
        _whole("top_k", self.top_k, MAX_ID, "use a whole number, 0 to keep all tokens")
        _number("top_p", self.top_p, 0, 1, "use a number above 0 and up to 1, 1 to keep all tokens")
        if self.top_p == 0:
            raise BadDecoding("top_p is 0, which would keep no token; use a number above 0 and up to 1.")
        _number("min_p", self.min_p, 0, 1, "use a number from 0 to 1, 0 to keep all tokens")
        _number("repetition_penalty", self.repetition_penalty, 0.01, 100, "use 0.01 to 100, 1 for none")
        _whole("seed", self.seed, MAX_SEED, "use a whole number, 0 or more")
        self._check_stop()

    def _check_stop(self) -> None:
        if not isinstance(self.stop, tuple):
            raise BadDecoding(f"stop is {self.stop!r}; use a tuple of texts.")
        if len(self.stop) > MAX_STOPS:
            raise BadDecoding(f"There are {len(self.stop)} stop texts; use at most {MAX_STOPS}.")
        for text in self.stop:
            if not isinstance(text, str) or not 0 < len(text) <= MAX_STOP_LENGTH:
                raise BadDecoding(f"A stop text is {repr(text)[:40]}; use 1 to {MAX_STOP_LENGTH} characters.")


def _check_ids(ids: Iterable[object]) -> None:
    """Refuses what can be no token ids."""
    for token in ids:
        if not is_index(token):
            raise BadMoment(f"The moment holds {token!r} as a token id; ids are whole numbers from 0.")


@dataclass(frozen=True)
class Moment:
    """A text at one point of its making: the model, the tokens so far, and how the next is chosen.

    Attributes:
        model: What the model was loaded by.
        revision: The commit of a hub model, else "".
        fingerprint: A short hash of the model's vocabulary and config; another model refuses the moment.
        ids: The tokens so far, at least one.
        prompt_length: How many of them are the prompt.
        decoding: How the next token is chosen.
        interventions: The heads that are switched off, in order, each once; then the steerings as they were given.
            Brought into this order when given in another.

    Raises:
        BadMoment: The fields do not fit each other.
    """

    model: str
    revision: str
    fingerprint: str
    ids: tuple[int, ...]
    prompt_length: int
    decoding: Decoding = field(default_factory=Decoding)
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        for name in ("model", "revision", "fingerprint"):
            if not isinstance(getattr(self, name), str):
                raise BadMoment(f"The moment's {name} is {getattr(self, name)!r}; it has to be text.")
        if not isinstance(self.ids, tuple) or not self.ids:
            raise BadMoment("The moment holds no tokens; it needs at least one.")
        _check_ids(self.ids)
        length = self.prompt_length
        if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= len(self.ids):
            raise BadMoment(f"The prompt's length is {length!r}, but the moment holds {len(self.ids)} tokens.")
        if not isinstance(self.decoding, Decoding):
            raise BadMoment(f"The moment's decoding is {self.decoding!r}; it has to be a Decoding.")
        object.__setattr__(self, "interventions", ordered(self.interventions))

    @property
    def ablations(self) -> tuple[Ablate, ...]:
        """The heads that are switched off."""
        return tuple(one for one in self.interventions if isinstance(one, Ablate))

    @property
    def steers(self) -> tuple[Steer, ...]:
        """What is added to streams."""
        return tuple(one for one in self.interventions if isinstance(one, Steer))

    def cut(self, length: int) -> "Moment":
        """The moment when only the first `length` tokens stood.

        Raises:
            OutOfRange: The moment has fewer tokens, or length is below 1.
        """
        if not 1 <= length <= len(self.ids):
            raise OutOfRange(f"Cannot cut to {length} tokens: the text has {len(self.ids)}; use 1 to {len(self.ids)}.")
        return replace(self, ids=self.ids[:length], prompt_length=min(self.prompt_length, length))

    def grown(self, *ids: int) -> "Moment":
        """The moment with these tokens after the present ones."""
        _check_ids(ids)
        # A copy: what this moment holds was checked when it was made, and reading a long text at each step is slow.
        moment = copy(self)
        object.__setattr__(moment, "ids", (*self.ids, *ids))
        return moment

    def without(self, heads: Iterable[tuple[int, int]], by: str = "zero") -> "Moment":
        """The same moment with these heads switched off, beside those that already are.

        Args:
            heads: (layer, head) of each. One that is already off is from now on off in this way.
            by: "zero" or "mean", as in `Ablate`.

        Raises:
            BadMoment: An index is no whole number from 0, or `by` is neither. Whether the model has such a head shows
                when it is asked.
        """
        off = {(one.layer, one.head): one for one in self.ablations}
        off |= {(layer, head): Ablate(layer, head, by) for layer, head in heads}
        return replace(self, interventions=(*off.values(), *self.steers))

    def restored(self, heads: Iterable[tuple[int, int]] | None = None) -> "Moment":
        """The same moment with these heads, (layer, head) each, switched on again; by default all. Steering stays."""
        back = None if heads is None else set(heads)
        kept = (one for one in self.ablations if back is not None and (one.layer, one.head) not in back)
        return replace(self, interventions=(*kept, *self.steers))

    def steered(self, steer: Steer) -> "Moment":
        """The same moment steered in one more way; steerings add up.

        Raises:
            BadMoment: There are too many. Whether the model has such a stream and such ids shows when it is asked.
        """
        return replace(self, interventions=(*self.interventions, steer))

    def unsteered(self, index: int | None = None) -> "Moment":
        """The same moment without the steering of this index in `steers`; by default without any. Heads stay off.

        Raises:
            OutOfRange: There is no such steering.
        """
        steers = list(self.steers)
        if index is not None and not 0 <= index < len(steers):
            raise OutOfRange(f"Steering {index} does not exist; the moment is steered in {len(steers)} ways.")
        kept = [] if index is None else steers[:index] + steers[index + 1 :]
        return replace(self, interventions=(*self.ablations, *kept))

    def to_text(self) -> str:
        """The moment as URL-safe text (A-Z, a-z, 0-9, -, _), which `from_text` reads."""
        content: dict[str, Any] = {
            "v": VERSION if self.steers else 1,
            "m": self.model,
            "r": self.revision,
            "f": self.fingerprint,
            "i": self.ids,
            "p": self.prompt_length,
            "d": {key: value for key, value in asdict(self.decoding).items() if value != getattr(Decoding(), key)},
        }
        if self.ablations:
            content["a"] = [[one.layer, one.head, one.by] for one in self.ablations]
        if self.steers:
            content["s"] = [[one.layer, one.strength, one.start, *one.plus, *one.minus] for one in self.steers]
        packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "Moment":
        """Reads what `to_text` wrote.

        Raises:
            BadMoment: The text is damaged, too large, or from a newer version.
        """
        content = _unpack(text)
        if content.get("v") not in (1, VERSION):
            raise BadMoment(f"The saved moment is of version {content.get('v')!r}; this program reads 1 to {VERSION}.")
        ids, settings = content.get("i"), content.get("d")
        if not isinstance(ids, list) or not isinstance(settings, dict):
            raise BadMoment("The saved moment lacks its tokens or settings; it was cut or altered. Copy it again.")
        if isinstance(settings.get("stop"), list):
            settings = {**settings, "stop": tuple(settings["stop"])}
        try:
            decoding = Decoding(**settings)
        except (TypeError, BadDecoding) as error:
            raise BadMoment(f"The saved moment has settings that cannot be used: {error}") from error
        return cls(
            model=content.get("m", ""),
            revision=content.get("r", ""),
            fingerprint=content.get("f", ""),
            ids=tuple(ids),
            prompt_length=content.get("p", -1),
            decoding=decoding,
            interventions=(*read_ablations(content.get("a", [])), *read_steers(content.get("s", []))),
        )


def _unpack(text: str) -> dict[str, Any]:
    """Undoes base64, compression and JSON, and trusts none of them."""
    broken = "The saved moment cannot be read: it was cut or altered. Copy the whole link again."
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise BadMoment(f"The saved moment is longer than {MAX_TEXT} characters, or no text at all.")
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, MAX_JSON)
        if not inflater.eof:  # cut short, or larger than any real moment
            raise BadMoment(broken)
        content = json.loads(raw.decode("utf-8"))
    except (UnicodeError, binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise BadMoment(broken) from error
    if not isinstance(content, dict):
        raise BadMoment(broken)
    return content
