"""The walk through chapter 3 of "Hands-On Large Language Models": twelve stops, in the order of the chapter.

A stop is a few sentences and some things to try; its pictures are ordinary tabs of the page.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from viz.sentences import later

# What a stop is about and a model may lack: a chat template, heads that share keys and values, layers with a sliding
# window, rotary positions, and what may be switched off at load.
Need = Literal["chat", "shared", "window", "rotary", "attention", "contributions"]

LACKS: Final[dict[Need, str]] = {
    "chat": later("This model has no chat template: it goes on from raw text only."),
    "shared": later("In this model every head has keys and values of its own; nothing is shared."),
    "window": later("No layer of this model has a sliding window: every token sees all before it."),
    "rotary": later("This model does not rotate queries and keys; the tab shows what it does instead."),
    "attention": later("The attention of this model cannot be shown; the facts of the model on top say why."),
    "contributions": later(
        "What each part of this model added cannot be shown; the facts of the model on top say why."
    ),
}


@dataclass(frozen=True)
class Try:
    """One thing to try at a stop.

    Attributes:
        label: What the button says; `{head}` stands for the name of the selected head.
        tab: The tab that it opens.
        prompt: The prompt that it begins anew with, "" to keep the present text.
        chat: Whether the prompt is sent as a chat message.
        steps: How many tokens Play is set to, None to leave that.
        head: The (layer, head) that it selects, None to keep the selection.
        cursor: The word whose first token the cursor is put on, "" for the end.
        keys: The words that "Which head?" asks about.
    """

    label: str
    tab: str
    prompt: str = ""
    chat: bool = False
    steps: int | None = None
    head: tuple[int, int] | None = None
    cursor: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    """One stop of the walk; its first try names the tab that it opens with.

    Attributes:
        title: What it is called.
        figures: The book's figures that it follows.
        words: Two or three short sentences.
        tries: What to try.
        needs: What it is about and a model may lack.
    """

    title: str
    figures: str
    words: str
    tries: tuple[Try, ...]
    needs: tuple[Need, ...] = field(default=())

    @property
    def tab(self) -> str:
        """The tab that the stop opens with."""
        return self.tries[0].tab


_JAPAN = "The capital of Japan is"
_REPORT = "Write an email to the university about the late report."
_SQUIRREL = "The dog chased the squirrel because it was fast. What was fast? The"
_HOT = "What is the opposite of hot?"
_STORY = "Once upon a time, there was a little girl named Lily."

STOPS: Final = (
    Stop(
        later("Text in, text out"),
        later("1-26, 2-1, 3-1 to 3-3"),
        later(
            "A language model turns a text into one more token. The token is appended and the longer text goes in "
            "again; everything that it writes comes about this way. Press → to take a step, P to let it run."
        ),
        (
            Try(later("Write token by token"), "loop", prompt=_JAPAN),
            Try(later("A request to the university, up to 500 tokens: press P"), "loop", prompt=_REPORT, steps=500),
            Try(later("The same as a chat message"), "loop", prompt=_REPORT, chat=True, steps=500),
        ),
    ),
    Stop(
        later("The map of the model"),
        later("3-4 to 3-6"),
        later(
            "Three parts stand behind each other: a tokenizer that cuts the text into numbered pieces, a stack of "
            "blocks that are built alike, and a head that scores every token of the vocabulary. The map has this "
            "model's own sizes, and those of the present text."
        ),
        (Try(later("Follow a text of five tokens through it"), "map", prompt=_JAPAN),),
    ),
    Stop(
        later("Tokenizer and embeddings"),
        later("2-4 to 2-6, 3-5, 6-2"),
        later(
            "The model never sees letters. It sees the numbers of tokens, and for each number it has learned one "
            "vector. A chat is a text too: the template writes special tokens around what you say."
        ),
        (
            Try(later("See the present text as the model does"), "tokenizer"),
            Try(later("The same question in the chat template"), "tokenizer", prompt=_HOT, chat=True),
            Try(later("And the question raw"), "tokenizer", prompt=_HOT),
            Try(later("Which tokens have vectors alike?"), "embeddings"),
        ),
        ("chat",),
    ),
    Stop(
        later("Choosing a token"),
        later("3-6, 3-7, 6-3 to 6-5"),
        later(
            "The head only gives probabilities; taking one token is a choice of ours. The most probable each time is "
            "greedy, drawing lots is sampling, and filters decide what is in the pot. A beam search keeps several texts"
            " and compares them whole."
        ),
        (
            Try(later("Filter the present distribution, and draw from it"), "choosing"),
            Try(later("Where a story could go on in many ways"), "choosing", prompt=_STORY),
            Try(later("Search with beams"), "beams"),
        ),
    ),
    Stop(
        later("Parallel streams and the context"),
        "1-27, 3-8, 3-9",
        later(
            "All tokens of an input are worked on at the same time, each on a track of its own, and each track ends in "
            "a prediction. Only the last one is used. How many tracks there can be is the model's context."
        ),
        (
            Try(later("See what every token predicts"), "streams"),
            Try(later("The tracks of a whole sentence"), "streams", prompt=_STORY),
        ),
    ),
    Stop(
        later("The cache of keys and values"),
        "3-10",
        later(
            "What the earlier tracks computed does not change when a token is appended, so their keys and values are "
            "kept. A step then computes one track instead of all. It costs memory for every token; here you can time "
            "what it saves."
        ),
        (Try(later("See what is kept, and time it"), "cache"),),
        ("shared",),
    ),
    Stop(
        later("Inside the block"),
        later("3-11 to 3-14"),
        later(
            "A block does two things. Attention brings in what other tokens know: what “it” means depends on words "
            "before it. The MLP adds what was stored in training: which word follows “The Shawshank”."
        ),
        (
            Try(later("What does “it” look at?"), "looking", prompt=_SQUIRREL, cursor="it", keys=("dog", "squirrel")),
            Try(later("Who wrote the next word of a title?"), "contributions", prompt="The Shawshank"),
            Try(later("And which neurons?"), "neurons", prompt="The Shawshank"),
        ),
        ("attention", "contributions"),
    ),
    Stop(
        later("Attention step by step"),
        later("3-15 to 3-21"),
        later(
            "A head makes a query of the present token, and a key and a value of every token up to it. Query times key "
            "scores how relevant each is, softmax turns the scores into shares, and the values are added up by them."
        ),
        (
            Try(later("Through {head}, from vectors to the result"), "inside", prompt=_JAPAN, head=(4, 3)),
            Try(later("The same head for every token"), "attention", head=(4, 3)),
        ),
        ("attention",),
    ),
    Stop(
        later("Cheaper attention"),
        later("3-22 to 3-28"),
        later(
            "Every token looking at all before it grows costly. A model can look back less far, or only at some; its "
            "heads can share keys and values; and the same sums can be done with less traffic in memory."
        ),
        (Try(later("Masks, sharing and speed on the present text"), "masks"),),
        ("window", "shared"),
    ),
    Stop(
        later("The old block and the new"),
        "3-29, 3-30",
        later(
            "Blocks have changed since the first transformer: the norm moved before what it steadies and became "
            "simpler, the MLP got a gate, and positions moved into attention. The picture shows the modules of this "
            "model in the order in which they run."
        ),
        (Try(later("This model's block beside the original"), "block"),),
    ),
    Stop(
        later("Rotary positions"),
        later("3-31 to 3-33"),
        later(
            "Attention alone does not know an order. Rotary positions turn each query and key by an angle that grows "
            "with its place, some pairs of numbers fast and some slowly, so that a score depends on the distance "
            "between two tokens."
        ),
        (Try(later("Turn a query and a key of this text"), "positions"),),
        ("rotary",),
    ),
    Stop(
        later("The parts of a prompt"),
        later("6-6 to 6-11"),
        later(
            "A prompt can be put together from parts: who answers, what is to be done, with what, how, and for whom. "
            "Try what each part does: how much attention it gets, and what changes without it."
        ),
        (Try(later("Put a prompt together"), "parts"),),
        ("attention",),
    ),
)
