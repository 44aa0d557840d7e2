"""The questions that are answered by changing something: what each token counted for, and what a patch recovers."""

from collections.abc import Iterator
from dataclasses import replace

from model_runtime.attribution import METHODS, MOST_STEPS, Asked, Attributor
from model_runtime.cause_records import Attribution, PatchGrid
from model_runtime.errors import InputError, OutOfRange, UnequalTexts
from model_runtime.moment import Moment
from model_runtime.patching import PARTS, Runs, patches
from model_runtime.questions import Questions, Target


class CauseQuestions(Questions):
    """Answers found by running the model on something else. All methods may be called from any thread."""

    _attributor: Attributor

    def attribution(
        self,
        moment: Moment,
        method: str = "gradient",
        position: int = -1,
        target: Target = None,
        steps: int = 32,
        centred: bool = False,
    ) -> Iterator[Attribution]:
        """What each token of the text counted for one logit; gives what is known so far, again and again.

        To cancel, stop asking.

        Args:
            moment: The text, and what the model runs under.
            method: "gradient", "integrated" or "leave-one-out".
            position: What is read up to; -1 is the newest. Later tokens are not seen.
            target: The id whose logit is explained, or (a, b) for the logit of a less that of b; by default the model's
                first choice.
            steps: How many points integrated gradients take, 1 to 512.
            centred: Whether the vocabulary's mean logit is taken off, not with a pair.

        Raises:
            OutOfRange: There is no such position, id or method, a pair is to be centred, or steps are outside their
                range.
            FeatureUnavailable: No gradient can be taken through this model.
        """
        if method not in METHODS:
            raise OutOfRange(f"{method!r} is no way to attribute; use 'gradient', 'integrated' or 'leave-one-out'.")
        if not 1 <= steps <= MOST_STEPS:
            raise OutOfRange(f"Cannot take {steps} steps; use 1 to {MOST_STEPS}.")
        self._check(moment)
        question = self._question(moment, position, target, centred)
        with self._lock:
            recording = self._recording(moment)
            asked = Asked(moment.ids[: question.position + 1], question, self._changes(moment.interventions))
        if method == "gradient":
            return self._attributor.gradient(asked)
        if method == "integrated":
            return self._attributor.integrated(asked, steps)
        return self._attributor.leave_one_out(asked, recording)

    def patch(
        self,
        clean: Moment,
        changed: Moment,
        part: str = "stream",
        target: Target = None,
        layer: int = -1,
        position: int | None = None,
    ) -> Iterator[PatchGrid]:
        """Puts parts of a clean run into a changed one; gives what is known so far, again and again.

        To cancel, stop asking.

        Args:
            clean: The text that parts are taken from.
            changed: A text of as many tokens, under the same interventions, that they are put into.
            part: "stream", "attention", "MLP", "heads" or "layer heads", as in `PatchGrid`.
            target: (a, b) for the logit of a less that of b, or one id; by default the first choice after the clean
                text against that after the changed one.
            layer: The block whose heads are meant by "layer heads".
            position: The only token at which "layer heads" are patched, -1 for the newest; by default all tokens.

        Raises:
            UnequalTexts: The texts have different numbers of tokens.
            InputError: The texts run under different interventions, or both are followed by the same token, so that a
                pair has to be chosen.
            OutOfRange: There is no such part, block, position or id.
            FeatureUnavailable: The part cannot be told apart in this model.
        """
        if part not in PARTS:
            raise OutOfRange(f"{part!r} cannot be patched; use one of {', '.join(PARTS)}.")
        self._require("hidden")
        if len(clean.ids) != len(changed.ids):
            raise UnequalTexts(
                f"One text has {len(clean.ids)} tokens and the other {len(changed.ids)}. "
                "Change words until both have the same number."
            )
        if clean.interventions != changed.interventions:
            raise InputError("The two texts run under different interventions. Use the same for both.")
        token = None if position is None else self._position(changed, position)
        question = self._question(clean, -1, self._answers(clean, changed) if target is None else target)
        with self._lock:
            texts = self._recording(clean), self._recording(changed)
            runs = Runs(question, *texts, self._changes(clean.interventions))
        return patches(self._engine, self._lock, runs, part, layer if part == "layer heads" else -1, token)

    def rewritten(self, moment: Moment, text: str) -> Moment:
        """The same text after another prompt of the same number of tokens; what follows the prompt is kept.

        Args:
            moment: The text.
            text: The new prompt, special tokens written out, as `prompt_text` gives it.

        Raises:
            UnequalTexts: It has another number of tokens.
        """
        self._check(moment)
        ids = self._vocabulary.encode(text, special=False)
        if len(ids) != moment.prompt_length:
            raise UnequalTexts(
                f"The prompt has {moment.prompt_length} tokens and the new one {len(ids)}. "
                "Change words until both have the same number."
            )
        other = replace(moment, ids=(*ids, *moment.ids[len(ids) :]))
        self._check(other)
        return other

    def prompt_text(self, moment: Moment) -> str:
        """The prompt as text, special tokens written out, such that `rewritten` makes the same tokens of it.

        Where the tokenizer can make no such text, as when a prompt ends within a character, it is the nearest there is.
        """
        self._check(moment)
        return self._vocabulary.written(moment.ids[: moment.prompt_length])

    def _answers(self, clean: Moment, changed: Moment) -> tuple[int, int]:
        """The first choices after two texts."""
        one, other = (self._question(moment, -1, None) for moment in (clean, changed))
        if one.target == other.target:
            raise InputError(
                f"Both texts are followed by {one.text!r}. Change the text more, or choose two tokens to compare."
            )
        return one.target, other.target
