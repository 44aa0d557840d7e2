"""From queries and keys to attention weights: the arithmetic, away from the models."""

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Formula:
    """What turns a layer's queries and keys into weights.

    Attributes:
        heads: Query heads.
        key_value_heads: Key/value heads; neighbouring query heads share one.
        head_width: Width of a query.
        scaling: The factor on the scores.
        softcap: The bound c of c * tanh(score / c), None where there is none.
        sinks: [head] the logit of each head's attention sink, None where there is none.
        window: The sliding window that the layer passed on, in tokens, if any.
        bias: [head, key] what is added to each head's scores by the key's place (ALiBi), for as many keys as any text
            had so far; a further constant in a row changes no weight. None where nothing is.
    """

    heads: int
    key_value_heads: int
    head_width: int
    scaling: float
    softcap: float | None
    sinks: torch.Tensor | None
    window: int | None
    bias: torch.Tensor | None = None

    def key_value_head(self, head: int) -> int:
        """The key/value head that a query head reads."""
        return head // (self.heads // self.key_value_heads)

    def gained(self, keys: int) -> torch.Tensor:
        """What the scores gain by the key's place, in a text of as many keys; there is a bias.

        It is counted from the newest key. No weight depends on that but for rounding, and the last digits must not tell
        how long the text was that the bias was learned from.

        Returns:
            [head, key] float32, 0 at the newest key.
        """
        assert self.bias is not None
        bias = self.bias[:, :keys].float()
        return bias - bias[:, -1:]

    def only(self, head: int) -> "Formula":
        """The formula of one head by itself."""
        return replace(
            self,
            heads=1,
            key_value_heads=1,
            sinks=None if self.sinks is None else self.sinks.reshape(-1)[head : head + 1],
            bias=None if self.bias is None else self.bias[head : head + 1],
        )


def softmax_with_sink(scores: torch.Tensor, sinks: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax over keys beside an attention sink.

    Args:
        scores: [head, query, key] float32, the lowest number where hidden.
        sinks: [head] the sinks' logits, or None.

    Returns:
        The weights [head, query, key] and the sinks' shares [head, query]; together they sum to one.
    """
    if sinks is None:
        return scores.softmax(-1), scores.new_zeros(scores.shape[:-1])
    column = sinks.float().reshape(-1, 1, 1).expand(*scores.shape[:-1], 1)
    full = torch.cat([scores, column], -1).softmax(-1)
    return full[..., :-1], full[..., -1]


def scores_of(query: torch.Tensor, key: torch.Tensor, formula: Formula, visible: torch.Tensor) -> torch.Tensor:
    """The scores that the softmax is taken of.

    Args:
        query: [head, query, head width].
        key: [key/value head, key, head width]; neighbouring query heads share one.
        formula: The layer's.
        visible: Boolean, broadcastable to [head, query, key].

    Returns:
        [head, query, key] float32, the lowest float32 where not visible.
    """
    heads, rows, width = query.shape
    # The query heads that share a key head are multiplied as one, and what can be large is changed in place.
    together = query.float().reshape(key.shape[0], -1, width)
    scores = (together @ key.float().transpose(-1, -2)).reshape(heads, rows, -1)
    scores *= formula.scaling
    if formula.softcap is not None:
        scores = torch.tanh(scores / formula.softcap) * formula.softcap
    if formula.bias is not None:
        scores = scores + formula.gained(key.shape[-2])[:, None]
    # The lowest number and not minus infinity: a row that sees nothing must not become NaN.
    return scores.masked_fill_(~visible, torch.finfo(torch.float32).min)


def attention_output(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    causal: bool,
    formula: Formula,
) -> torch.Tensor:
    """The attention output [batch, query, head, value width] in plain operations.

    Args:
        query: [batch, head, query, head width].
        key: [batch, key/value head, key, head width].
        value: [batch, key/value head, key, value width].
        mask: [batch or 1, head or 1, query, key], True where visible, or None.
        causal: Whether a missing mask means that later tokens are hidden.
        formula: The layer's.
    """
    groups = query.shape[1] // key.shape[1]
    rows, columns = query.shape[2], key.shape[2]
    outputs = []
    for item in range(query.shape[0]):
        if mask is not None:
            visible = mask[min(item, mask.shape[0] - 1)]
        else:
            visible = torch.ones(rows, columns, dtype=torch.bool, device=query.device)
            visible = visible.tril(columns - rows) if causal else visible
        scores = scores_of(query[item], key[item].repeat_interleave(groups, dim=0), formula, visible)
        weights, _ = softmax_with_sink(scores, formula.sinks)  # [head, query, key]
        values = value[item].repeat_interleave(groups, dim=0)
        outputs.append((weights.to(value.dtype) @ values).transpose(0, 1))
    return torch.stack(outputs).contiguous()


def visible_keys(starts: torch.Tensor, first: int, columns: int) -> torch.Tensor:
    """Which keys each query sees.

    Args:
        starts: [query] the first visible key.
        first: The position of the first query.
        columns: Number of keys.

    Returns:
        Boolean [query, key].
    """
    keys = torch.arange(columns, device=starts.device)
    positions = torch.arange(first, first + starts.shape[0], device=starts.device)
    return (keys >= starts[:, None]) & (keys <= positions[:, None])
