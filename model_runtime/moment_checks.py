"""What a moment has to be for a model to work on it."""

from model_runtime.attention import head_formula
from model_runtime.errors import BadMoment, ContextFull, FeatureUnavailable, OutOfRange, TextEnded
from model_runtime.moment import Moment, Steer
from model_runtime.questions import Questions

# How a sentence names a feature that is switched off, where its own name with "is" would not do.
IN_WORDS = {
    "contributions": "contributions of this model are",
    "heads": "heads of this model are",
    "neurons": "neurons of this model are",
    "hidden": "hidden states of this model are",
}


class MomentChecks(Questions):
    """The refusals that every question shares."""

    _off: dict[str, str]

    def ended(self, moment: Moment) -> str | None:
        """Why no step can follow."""
        raise NotImplementedError

    def _full(self) -> ContextFull:
        """What is said to a step with no position left."""
        if self.most_tokens < self._card.context:
            return ContextFull(f"The text has {self.most_tokens} tokens, the most allowed here. Begin anew or go back.")
        return ContextFull(f"The text fills the model's context of {self._card.context} tokens. Begin anew or go back.")

    def _check(self, moment: Moment) -> None:
        """Refuses moments of other models and ids that this one does not have."""
        self._check_origin(moment)
        self._check_ids(moment.ids, "The moment")
        self._fits(len(moment.ids))
        if moment.ablations:
            self._require("ablation")
            for ablation in moment.ablations:
                head_formula(self._engine, ablation.layer, ablation.head)
        for steer in moment.steers:
            self._check_steer(steer)

    def _check_origin(self, moment: Moment) -> None:
        card = self._card
        if moment.fingerprint == card.fingerprint:
            return
        names = [
            f"{name!r}{f' at revision {revision[:12]}' if revision else ''}"
            for name, revision in ((moment.model, moment.revision), (card.name, card.revision))
        ]
        same = moment.model == card.name
        raise BadMoment(
            f"The moment was made with {names[0]} ({moment.fingerprint}), and this is {names[1]} ({card.fingerprint})"
            + (": its tokenizer or config is another one now. " if same else ". ")
            + ("Begin anew from the text." if same else "Open it with the model that made it, or begin anew.")
        )

    def _check_ids(self, ids: tuple[int, ...], holder: str) -> None:
        """Refuses ids that the model gives no probability to, or has no embedding for."""
        size = self._readable_ids
        if max(ids) >= size:
            raise BadMoment(
                f"{holder} holds token id {max(ids)}; this model has ids 0 to {size - 1}. Go back before that token, "
                "or begin anew."
            )

    def _check_steer(self, steer: Steer) -> None:
        """Refuses steering that this model cannot do."""
        self._require("hidden")
        if steer.layer > self._card.layers:
            raise OutOfRange(f"Stream {steer.layer} does not exist; this model has streams 0 to {self._card.layers}.")
        for ids, _ in (steer.plus, steer.minus):
            self._check_ids(ids, "A steering text")
            self._fits(len(ids))

    def _fits(self, tokens: int) -> None:
        most = self.most_tokens
        if tokens > most:
            why = f"{most} are the most allowed here" if most < self._card.context else f"this model takes {most}"
            raise ContextFull(f"The text has {tokens} tokens and {why}. Shorten it by {tokens - most} or more.")

    def _refuse_ended(self, moment: Moment) -> None:
        reason = self.ended(moment)
        if reason == "context full":
            raise self._full()
        if reason is not None:
            raise TextEnded(f"The text has ended ({reason}). Go back a step and take another token, or begin anew.")

    def _position(self, moment: Moment, position: int) -> int:
        count = len(moment.ids)
        if position == -1:
            return count - 1
        if not 0 <= position < count:
            raise OutOfRange(f"Position {position} does not exist; use 0 to {count - 1}, or -1 for the newest.")
        return position

    def _require(self, feature: str) -> None:
        if feature == "ablation":  # which rests on it, and is not even tried without
            self._require("attention")
        if feature in self._off:
            subject = IN_WORDS.get(feature, f"{feature} of this model is")
            raise FeatureUnavailable(f"The {subject} switched off. {self._off[feature]}.")
