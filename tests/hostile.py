"""Texts that try to be more than text, and a model whose tokens they are."""

from typing import Any, Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from model_runtime.model import Model

# Each would set window.broken, bring an element into being, or ask for an address, were it taken for anything but text.
HOSTILE: Final[dict[str, str]] = {
    "formula with plus": "+1+cmd|' /C calc'!A0",
    "formula with minus": "-1+cmd|' /C calc'!A0",
    "formula behind a tab": "\t=1+1",
    "format": "{0.__class__}{text}%s%(name)n",
    "translation": "[[Start]]{{ config }}{% raw %}",
    "script": "<script>window.broken='script'</script>",
    "script end": "</script><script>window.broken='end'</script>",
    "image": "<img class=intruder src=//evil.example/x onerror=\"window.broken='image'\">",
    "svg": "<svg class=intruder onload=\"window.broken='svg'\"></svg>",
    "frame": "<iframe class=intruder srcdoc=\"<script>parent.broken='frame'</script>\"></iframe>",
    "attribute": '" class=intruder onmouseover="window.broken=\'attribute\'" x="',
    "attribute in single quotes": "' class=intruder onfocus='window.broken=1' autofocus='",
    "comment end": "--><b class=intruder>bold</b><!--",
    "section end": "]]><b class=intruder>bold</b>",
    "style end": "</style><b class=intruder>bold</b>",
    "text area end": "</textarea></title><b class=intruder>bold</b>",
    "template": "${window.broken='template'}",
    "backtick": "`+(window.broken='backtick')+`",
    "braces": "{{value}}{{constructor.constructor(\"window.broken='braces'\")()}}",
    "json": "\"}];window.broken='json';//",
    "pseudo-html": "<a href=\"javascript:window.broken='link'\">link</a><br><b>bold</b><i>",
    "entity": "&lt;img class=intruder src=x onerror=window.broken=1&gt;&quot;&#x3c;",
    "mathjax": "$$\\unicode{x3c}\\href{javascript:window.broken='math'}{x}$$",
    "plotly field": "%{x}<extra>%{customdata}</extra>",
    "address": "javascript:window.broken='address'",
    "data address": "data:text/html,<script>parent.broken=1</script>",
    "other host": "//evil.example/x",
    "formula": "=cmd|' /C calc'!A0",
    "formula with at": "@SUM(1+1)*cmd|'!A0",
    "path": "../../../../etc/passwd",
    "other path": "..\\..\\windows\\win.ini",
    "null": "a\x00b",
    "controls": "\x01\x07\x08\x1b[31mred\x1b[0m\x7f\x85\x9b",
    "lines": "\r\n\u2028\u2029\x0b\x0c",
    "bidi": "\u202eevil\u202c\u2066x\u2069\u200f",
    "unseen": "\u200b\ufeff\u00ad\u2060",
    "joined emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
    "combining": "Z" + "\u0353\u0354\u0355" * 40,
    "private": "\ue000\U000f0000\ufffe\uffff",
    "prototype": "__proto__",
    "constructor": "constructor",
    "long": "<b>" * 400,
}
WIDTH: Final = 32


def hostile_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer for which each hostile text is one token."""
    words = ["<unk>", "<s>", "</s>", *HOSTILE.values(), *(chr(code) for code in range(32, 127))]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\x1f", "removed")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", clean_up_tokenization_spaces=False
    )


def hostile_prompt() -> str:
    """A prompt of one token for each hostile text."""
    return "\x1f".join(HOSTILE.values())


def hostile_model() -> Model:
    """A small random model that writes hostile tokens."""
    torch.manual_seed(0)
    tokenizer = hostile_tokenizer()
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 128,
        "tie_word_embeddings": False,
    }
    model = LlamaForCausalLM(LlamaConfig(**settings, bos_token_id=1, eos_token_id=2, initializer_range=0.6)).eval()
    return Model(model, tokenizer, name=NAME)


NAME: Final = "<img class=intruder src=x onerror=window.broken=1>"
