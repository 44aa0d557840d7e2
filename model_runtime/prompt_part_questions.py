"""The questions about the parts of a prompt; `Model` is made of these, of others and its own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_runtime.errors import FeatureUnavailable, InputError, OutOfRange
from model_runtime.moment import Decoding, Moment
from model_runtime.prompt_part_records import Composition, LeftOut, PartAttention, PartEffects, PartSpans
from model_runtime.prompt_parts import part_attention, part_of_tokens, spans_of
from model_runtime.questions import Questions

MOST_FOLLOWING = 200


class PromptPartQuestions(Questions):
    """Answers about a prompt that was put together from parts. All methods may be called from any thread."""

    def begin(self, text: str, *, chat: bool = False, decoding: Decoding | None = None) -> Moment:
        """The moment at the end of a prompt."""
        raise NotImplementedError

    def step(self, moment: Moment, take: int | None = None) -> Moment:
        """The moment one token later."""
        raise NotImplementedError

    def ended(self, moment: Moment) -> str | None:
        """Why no step can follow."""
        raise NotImplementedError

    def part_spans(self, moment: Moment, composition: Composition) -> PartSpans:
        """Which token of a text belongs to which part of its prompt. The model does not run.

        Raises:
            InputError: The text's prompt is not this composition, neither raw nor as a chat message.
            FeatureUnavailable: The tokenizer changes the text, so that its tokens cannot be traced to it.
        """
        self._check(moment)
        prompt = moment.ids[: moment.prompt_length]
        text = composition.text()
        ways = (False, True) if self._vocabulary.chat else (False,)
        chat = next((way for way in ways if text and self._vocabulary.prompt(text, chat=way) == prompt), None)
        if chat is None:
            raise InputError("The text does not begin with these parts. Press one of the Start buttons above.")
        part = part_of_tokens([self._vocabulary.bytes_of(token) for token in prompt], composition)
        if part is None:
            raise FeatureUnavailable("This tokenizer changes the text, so its tokens cannot be traced to the parts.")
        return spans_of(part, len(moment.ids), chat)

    def part_attention(self, moment: Moment, composition: Composition, position: int = -1) -> PartAttention:
        """What attention each part of the prompt gets, layer by layer.

        Args:
            moment: The text.
            composition: The parts of its prompt.
            position: The token that looks; -1 is the newest.

        Raises:
            OutOfRange: There is no such position.
            InputError: The text's prompt is not this composition.
            FeatureUnavailable: The attention's proof failed, or the tokens cannot be traced to the parts.
        """
        position = self._position(moment, position)
        spans = self.part_spans(moment, composition)
        self._require("attention")
        with self._lock:
            return part_attention(self._engine, self._recording(moment), spans, moment.prompt_length, position)

    def leave_parts_out(
        self, moment: Moment, composition: Composition, following: int = 40, position: int | None = None
    ) -> Iterator[PartEffects]:
        """What each part changes: the next token and the text that follows without it, and with all parts.

        Gives what is known so far, token by token. To cancel, stop asking. The text that follows is written greedily;
        heads that are off stay off, while steering, which begins at a position, is left out.

        Args:
            moment: A text that begins with the composition; says whether it stands in the chat template.
            composition: The parts.
            following: How many tokens follow, 0 to 200.
            position: A token at or after the prompt's last: the next token is then the one after it, with what was
                written up to it left standing after the shortened prompts. By default the prompt's last.

        Raises:
            OutOfRange: Fewer or more tokens are to follow, or there is no such position after the prompt.
            InputError: The text's prompt is not this composition, or it has one part only.
            FeatureUnavailable: The tokens cannot be traced to the parts.
        """
        if not 0 <= following <= MOST_FOLLOWING:
            raise OutOfRange(f"Cannot follow the text for {following} tokens; use 0 to {MOST_FOLLOWING}.")
        chat = self.part_spans(moment, composition).chat
        if len(composition.present) < 2:
            raise InputError("There is only one part, and without it no prompt is left. Fill in another.")
        last = moment.prompt_length - 1
        position = last if position is None else self._position(moment, position)
        if position < last:
            raise OutOfRange(f"Position {position} is inside the prompt; use {last} or later.")
        return self._left_out(moment.cut(position + 1), composition, chat, following)

    def _left_out(self, moment: Moment, composition: Composition, chat: bool, following: int) -> Iterator[PartEffects]:
        rows: list[LeftOut] = []
        done, total = 0, (1 + len(composition.present)) * (1 + following)
        whole: NDArray[np.float64] | None = None
        for part in (None, *composition.present):
            prompt = self.begin(composition.text(part), chat=chat)
            prompt = replace(prompt, interventions=moment.ablations)
            raw = self._raw(prompt.grown(*moment.ids[moment.prompt_length :]))
            whole = raw if whole is None else whole
            rows.append(self._row(part, prompt, raw, whole))
            yield PartEffects(done := done + 1, total, tuple(rows))
            text = prompt
            for taken in range(1, following + 1):
                ended = self.ended(text)
                if ended is None:
                    text = self.step(text)
                    written = tuple(self.text(token) for token in text.ids[prompt.prompt_length :])
                    rows[-1] = replace(rows[-1], written=written)
                else:
                    rows[-1] = replace(rows[-1], ended=ended)
                    done += following + 1 - taken
                    yield PartEffects(done, total, tuple(rows))
                    break
                yield PartEffects(done := done + 1, total, tuple(rows))

    def _raw(self, prompt: Moment) -> NDArray[np.float64]:
        """[vocabulary] float64 probabilities of the next token, by id."""
        listed = self.distribution(prompt, top=None)
        raw = np.zeros(len(listed.ids))
        raw[listed.ids] = listed.raw
        return raw

    def _row(self, part: int | None, prompt: Moment, raw: NDArray[np.float64], whole: NDArray[np.float64]) -> LeftOut:
        top, first = int(raw.argmax()), int(whole.argmax())
        some = whole > 0
        with np.errstate(divide="ignore"):  # a choice that is now impossible diverges without bound
            divergence = float((whole[some] * np.log(whole[some] / raw[some])).sum())
        return LeftOut(
            part=-1 if part is None else part,
            tokens=prompt.prompt_length,
            variation=float(np.abs(whole - raw).sum() / 2),
            divergence=max(0.0, divergence),
            top=top,
            top_text=self.text(top),
            top_probability=float(raw[top]),
            before=float(raw[first]),
            written=(),
            ended="",
        )
