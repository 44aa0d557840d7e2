"""The endpoints that find models and lead from one moment to another."""

from typing import Any, Final

from model_runtime import Decoding, Moment
from model_runtime.errors import InputError
from viz.panels.api.asking import in_turn
from viz.panels.api.forms import plain
from viz.panels.limits import Limits
from viz.panels.models import Models
from viz.panels.transport import MOST_STEPS
from viz.panels.view import whole

MOST_TEXT: Final = 1_000_000  # characters: more than any context holds, and still read in seconds


class TextEndpoints:
    """Begins texts and takes them on. Holds nothing of any of them.

    Attributes:
        models: The models that may be asked.
        limits: How long a run of steps may take.
    """

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits = models, limits

    def offers(self) -> list[dict[str, Any]]:
        """Lists the models that can be asked for here.

        Returns:
            A name for `model`, a title, and what it needs, of each.
        """
        return [{"name": offer.name, "title": offer.title, "needs": offer.needs} for offer in self.models.offers]

    def card(self, model: str = "") -> dict[str, Any]:
        """Tells the facts of a model: its shape, its limits, and what was proved when it was loaded.

        Args:
            model: Its name, as `offers` lists it; empty for the one that the page opens with.

        Returns:
            The fields of ModelCard: layers, heads, width, context, vocabulary_size, end_ids, proofs and more.
        """
        card: dict[str, Any] = plain(self.models.get(model or self.models.default).card())
        return card

    def begin(  # noqa: PLR0913 - each argument has its own line in the API's description
        self,
        text: str,
        model: str = "",
        chat: bool = False,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        stop: list[str] | None = None,
    ) -> str:
        """Begins a text: returns the moment at the end of a prompt, which all other endpoints take.

        Args:
            text: The prompt; empty to begin with the model's own first token, where it has one.
            model: The model's name, as `offers` lists it; empty for the one that the page opens with.
            chat: Whether to put the text into the model's chat template, as what the user says.
            temperature: What logits are divided by; 0 always takes the most probable token.
            top_k: How many of the most probable tokens are kept; 0 keeps all.
            top_p: The fewest tokens that together reach this probability are kept; 1 keeps all.
            min_p: Tokens with at least this share of the top token's probability are kept; 0 keeps all.
            repetition_penalty: What divides the logits of tokens that occurred; 1 is off.
            seed: Of the draws: the same moment takes the same step.
            stop: Texts that end the generation once it contains one of them; null for none.

        Returns:
            The moment as URL-safe text: model, token ids, decoding. It is all there is to keep.
        """
        _check_text(text)
        decoding = Decoding(temperature, top_k, top_p, min_p, repetition_penalty, seed, tuple(stop or ()))
        return self.models.get(model or self.models.default).begin(text, chat=chat, decoding=decoding).to_text()

    def step(self, moment: str, take: int | None = None, steps: int = 1) -> str:
        """Writes the next tokens: by the model's choice under the moment's decoding, or one that is given.

        Args:
            moment: Where to step from, as an endpoint returned it.
            take: The id of the token to take; null for the model's choice.
            steps: How many tokens to write, 1 to 1000; fewer where the text ends on the way or a run's time is up.

        Returns:
            The moment after them.
        """
        there = Moment.from_text(moment)
        count = whole(steps, 1, MOST_STEPS, "number in steps")
        if take is not None and count > 1:
            raise InputError(f"take gives one token and steps is {count}. Take it with steps 1, then step on.")
        with in_turn(self.models, there) as model:  # here it may be refused; each further token has a turn of its own
            moments = model.play(there, count) if take is None else iter([model.step(there, take)])
            last = next(moments, None) or model.step(there)  # the step says why there is none
        over = self.limits.running()
        for later in moments:
            last = later
            if over():
                break
        return last.to_text()

    def append(self, moment: str, text: str) -> str:
        """Takes a text after a moment, token by token, as if the model had written it.

        Args:
            moment: What the text follows, as an endpoint returned it.
            text: The text, leading space and all.

        Returns:
            The moment after it.
        """
        there = Moment.from_text(moment)
        _check_text(text)
        return self.models.of(there).append(there, text).to_text()

    def back(self, moment: str, steps: int = 1) -> str:
        """Goes back: removes the newest tokens, but never the first.

        Args:
            moment: Where to go back from, as an endpoint returned it.
            steps: How many tokens to remove.

        Returns:
            The moment before them.
        """
        there = Moment.from_text(moment)
        return self.models.of(there).back(there, steps).to_text()

    def without(self, moment: str, heads: list[list[int]], by: str = "zero") -> str:
        """Switches attention heads off, beside those that already are: what is asked of the new moment is without them.

        Args:
            moment: The text, as an endpoint returned it.
            heads: A pair of layer and head for each, counted from 0, such as [[3, 5], [0, 1]].
            by: What stands for a head's output: "zero", or "mean" for its mean over random text.

        Returns:
            The same text's moment without these heads.
        """
        there = Moment.from_text(moment)
        pairs = [(pair[0], pair[1]) for pair in heads if len(pair) == 2]
        if len(pairs) < len(heads):
            raise InputError("heads has to hold a pair of layer and head for each, such as [[3, 5], [0, 1]].")
        changed = there.without(pairs, by)
        self.models.of(changed).ended(changed)  # says so when there are no such heads, or they cannot be switched off
        return changed.to_text()

    def restored(self, moment: str) -> str:
        """Switches all heads on again.

        Args:
            moment: The text, as an endpoint returned it.

        Returns:
            The same text's moment with all heads.
        """
        return Moment.from_text(moment).restored().to_text()


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT:
        raise InputError(f"text has {len(text):,} characters; use at most {MOST_TEXT:,}.")
