"""The components about tokens by themselves: the tokenizer with its vocabulary, and the embeddings."""

from viz.components.base import Drawn


class TokenizerView(Drawn):
    """The tokenizer. Value: what `viz.panels.tokenizer.draw` returns; {"scan": ...} answers one of its questions."""

    files = "tokenizer"


class EmbeddingsView(Drawn):
    """A token's embedding. Value: what `viz.panels.embeddings.draw` returns."""

    files = "embeddings"
