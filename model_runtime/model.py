"""A loaded model: the questions that can be asked about a moment, and the steps that lead to the next."""

from dataclasses import replace

from transformers import PreTrainedModel

from model_runtime.ablation import Ablation
from model_runtime.anatomy import readable_ids
from model_runtime.attention import attention_map
from model_runtime.attribution import Attributor
from model_runtime.cause_questions import CauseQuestions
from model_runtime.choosing_questions import ChoosingQuestions
from model_runtime.cost_questions import CostQuestions
from model_runtime.decoding import Choice, decide
from model_runtime.distribution import listed, token_table
from model_runtime.errors import OutOfRange
from model_runtime.finite import require_finite
from model_runtime.head_questions import HeadQuestions
from model_runtime.housekeeping import Housekeeping
from model_runtime.installation import card_of, install
from model_runtime.keeping import Choice as RecordingChoice
from model_runtime.moment import Decoding, Moment
from model_runtime.part_questions import PartQuestions
from model_runtime.position_questions import PositionQuestions
from model_runtime.prediction_questions import PredictionQuestions
from model_runtime.prompt_part_questions import PromptPartQuestions
from model_runtime.records import AttentionMap, Distribution, Floats, ModelCard, TokenTable
from model_runtime.running import Running
from model_runtime.saving_questions import SavingQuestions
from model_runtime.shelf import Shelf
from model_runtime.steering import Steering
from model_runtime.stream_questions import StreamQuestions
from model_runtime.structure_questions import StructureQuestions
from model_runtime.vocabulary import Tokenizer, Vocabulary
from model_runtime.vocabulary_questions import VocabularyQuestions

GIGABYTE = 2**30


class Model(
    Running,
    HeadQuestions,
    StreamQuestions,
    PartQuestions,
    CauseQuestions,
    PredictionQuestions,
    VocabularyQuestions,
    ChoosingQuestions,
    CostQuestions,
    StructureQuestions,
    PositionQuestions,
    PromptPartQuestions,
    SavingQuestions,
    Housekeeping,
):
    """A causal language model that answers questions about every step it takes.

    Nothing that matters is kept here: every answer follows from the moment that is given. All methods may be called
    from any thread; those that run the model wait for each other. A text may have `most_tokens`: as many as the context
    takes, unless whoever loaded the model says less.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        *,
        name: str = "model",
        revision: str = "",
        notes: tuple[str, ...] = (),
        shelf_bytes: int | None = None,
        recording: RecordingChoice = "auto",
    ) -> None:
        """Takes over a transformers model: installs the recorder in it and proves it.

        Args:
            model: A causal language model, on its device. Its attention implementation is changed.
            tokenizer: Its tokenizer.
            name: What it was loaded by; moments carry it.
            revision: The commit of a hub model, else "".
            notes: What its card is to say about its weights.
            shelf_bytes: The most bytes of recordings to keep; by default 1 GB on a CPU, 4 GB elsewhere.
            recording: What is kept of a text beside the cache: "full" for all that pictures need, "residual" for the
                residual stream alone, from which one layer's queries are computed again when a head of it is opened;
                "auto" for the first while that fits into `shelf_bytes`, else the second.

        Raises:
            ModelUnsupported: Its layers cannot be found, or nothing follows them.
        """
        installation = install(model)
        self._engine, self._off = installation.engine, installation.off
        self._vocabulary = Vocabulary(tokenizer, self._engine.unembedding.vocabulary)
        self._card = card_of(installation, self._vocabulary, name, revision, notes)
        self._readable_ids = readable_ids(model, self._vocabulary.size)
        self._lock, self.most_tokens = self._engine.lock, self._card.context
        self._ablation = Ablation(self._engine, self._vocabulary, self._card.context)
        self._steering = Steering(self._engine)
        self._attributor = Attributor(self._engine, self._lock)
        self._random_runs = {}
        self._maps, self._drawings, self._positions = {}, {}, None
        self._output, self._replayed, self._elsewhere = installation.output, None, None
        default = GIGABYTE if model.device.type == "cpu" else 4 * GIGABYTE
        self._shelf = Shelf(default if shelf_bytes is None else shelf_bytes)
        self._engine.room.clear = self._clear
        self._engine.keeping = replace(self._engine.keeping, choice=recording, limit=self._shelf.limit)

    def card(self) -> ModelCard:
        """The facts of the model, and what was proved at load."""
        return self._card

    def begin(self, text: str, *, chat: bool = False, decoding: Decoding | None = None) -> Moment:
        """The moment at the end of a prompt. The model does not run yet.

        Args:
            text: The prompt; empty text begins with the model's BOS token.
            chat: Whether to put the text into the model's chat template, as what the user says.
            decoding: How tokens are to be chosen; greedy by default.

        Raises:
            EmptyPrompt: No text, and no token to begin with.
            NoChatTemplate: The model has no chat template.
            ContextFull: The prompt is longer than the context.
        """
        ids = self._vocabulary.prompt(text, chat=chat)
        self._fits(len(ids))
        return Moment(
            model=self._card.name,
            revision=self._card.revision,
            fingerprint=self._card.fingerprint,
            ids=ids,
            prompt_length=len(ids),
            decoding=decoding or Decoding(),
        )

    def step(self, moment: Moment, take: int | None = None) -> Moment:
        """The moment one token later.

        Args:
            moment: Where to step from.
            take: The id to take; by default what the moment's decoding chooses.

        Raises:
            TextEnded: The generated text already ended.
            ContextFull: There is no position left.
            OutOfRange: The model has no such id.
            NotFinite: The model computed NaN or infinite logits, so that only a token that is given can be taken.
        """
        self._refuse_ended(moment)
        if take is None:
            return moment.grown(self.choice(moment))
        self._vocabulary.check(take)
        return moment.grown(take)

    def append(self, moment: Moment, text: str) -> Moment:
        """The moment with a text taken after it, token by token, without special tokens around it.

        Raises:
            TextEnded: The generated text already ended.
            ContextFull: The text does not fit.
        """
        self._refuse_ended(moment)
        ids = self._vocabulary.encode(text, special=False)
        self._fits(len(moment.ids) + len(ids))
        return moment.grown(*ids)

    def back(self, moment: Moment, steps: int = 1) -> Moment:
        """The moment some steps earlier; stops at the first token.

        Raises:
            OutOfRange: A negative number of steps.
        """
        if steps < 0:
            raise OutOfRange(f"Cannot go back {steps} steps; use 0 or more.")
        return moment.cut(max(1, len(moment.ids) - steps))

    def ended(self, moment: Moment) -> str | None:
        """Why no step can follow: "end token", "stop text" or "context full"; None where one can.

        Only generated or taken tokens end a text; a prompt that closes with an end token can be gone on from.
        """
        self._check(moment)
        generated = moment.ids[moment.prompt_length :]
        if generated and generated[-1] in self._card.end_ids:
            return "end token"
        if generated and moment.decoding.stop:
            text = self._vocabulary.decode(generated)
            if any(stop in text for stop in moment.decoding.stop):
                return "stop text"
        return "context full" if len(moment.ids) >= self.most_tokens else None

    def choice(self, moment: Moment) -> int:
        """The id that the next step takes."""
        return self._choice_and_logits(moment, len(moment.ids) - 1)[0].token

    def tokens(self, moment: Moment) -> TokenTable:
        """Every token with how well the tokens before it predicted it."""
        return token_table(moment, self._recording(moment).statistics, self._vocabulary)

    def distribution(self, moment: Moment, position: int = -1, top: int | None = 20) -> Distribution:
        """What the model predicts after a position, before and after each filter.

        Args:
            moment: The text.
            position: What is read up to; -1 is the newest.
            top: How many tokens to list, None for all. Whatever is listed, the numbers are exact over the vocabulary.

        Raises:
            OutOfRange: There is no such position, or top is below 1.
            NotFinite: The model computed NaN or infinite logits there.
        """
        position = self._position(moment, position)
        if top is not None and top < 1:
            raise OutOfRange(f"Cannot list {top} tokens; use 1 or more, or None for all.")
        choice, logits = self._choice_and_logits(moment, position)
        chosen = moment.ids[position + 1] if position + 1 < len(moment.ids) else None
        return listed(choice, logits, self._vocabulary, position, chosen, top)

    def attention(self, moment: Moment, layer: int, head: int, begin: int = 0, end: int | None = None) -> AttentionMap:
        """What one head looks at, from positions begin to end - 1; by default from every one.

        Of a long text a part is quick and small: the whole has as many cells as the text has tokens, squared.

        Raises:
            OutOfRange: There is no such layer or head, or there are no such positions.
            FeatureUnavailable: The layer has no attention, or its proof failed.
        """
        self._require("attention")
        count = len(moment.ids)
        end = count if end is None else end
        if not 0 <= begin < end <= count:
            raise OutOfRange(f"Positions {begin} to {end - 1} do not exist; the text has positions 0 to {count - 1}.")
        return attention_map(self._engine, self._recording(moment), layer, head, begin, end)

    def text(self, token: int) -> str:
        """One token as the tokenizer decodes it inside a text.

        Raises:
            OutOfRange: The model has no such id.
        """
        return self._vocabulary.text(token)

    def _choice_and_logits(self, moment: Moment, position: int) -> tuple[Choice, Floats]:
        with self._lock:
            recording = self._recording(moment)
            logits = self._engine.logits(recording, position).cpu()
            require_finite(self._engine, recording, logits, position)
        return decide(logits, moment.ids[: position + 1], moment.decoding), logits.numpy()
