"""Why a type is not proven, in plain words. One that becomes proven is to be taken out: the test says so."""

# Types whose layers hold a running state and call no attention at all. They are counted apart.
WITHOUT_ATTENTION = ("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm")

OUTSIDE = "Its attention does not go through transformers' interface, so it is not recorded; all else is equal."
SPARSE = (
    "A learned index picks the keys of each token. In stock transformers on these tiny models it sees later tokens, so "
    "what a text gives changes as it grows, and there is no one answer to compare with; the attention is switched off."
)
SEVERAL_STREAMS = "It carries several residual streams a token, so that there is no one stream to show or to read."
ROUNDING = "Equal but for rounding, which its running state amplifies beyond the bound on these extreme weights."
NO_LIST = "Its layers stand in no single list of as many blocks as its config says, so it is refused at load."

AUDIO = "Its model class cannot be made from its own config; it decodes audio codes of four books at once."

REASONS: dict[str, str] = {
    "axk2": SPARSE,
    "bailing_hybrid": ROUNDING,
    "big_bird": OUTSIDE,
    "bigbird_pegasus": (
        "Its attention goes through the interface in a way that gives other logits, so it is switched off."
    ),
    "bloom": OUTSIDE,
    "blt": "It reads bytes in patches with models inside the model; no tiny config of it could be made.",
    "codegen": OUTSIDE,
    "cpmant": "It takes its own prompt tokens before the text, so its streams are longer than the text.",
    "deepseek_v32": SPARSE,
    "deepseek_v4": SEVERAL_STREAMS,
    "diffllama": "A layer computes attention twice and takes the difference, which no single map of weights shows.",
    "doge": "Its mask is learned and hides keys in the middle of the text, which is not reproduced; all else is equal.",
    "dots3_note": SPARSE,
    "dots3_note_text": SPARSE,
    "falcon": OUTSIDE,
    "gemma3n": "Its vision part needs the package timm, which is not among the requirements.",
    "gemma3n_text": SEVERAL_STREAMS,
    "gemma4_assistant": "It drafts for another model and reads that model's keys, so it cannot run alone.",
    "gemma4_unified_assistant": "It drafts for another model and reads that model's keys, so it cannot run alone.",
    "git": "Its attention goes through the interface in a way that gives other logits, so it is switched off.",
    "glm_moe_dsa": SPARSE,
    "got_ocr2": OUTSIDE,
    "gpt_neo": OUTSIDE,
    "gpt_neox_japanese": OUTSIDE,
    "gptj": OUTSIDE,
    "hrm_text": NO_LIST,
    "hy_v4": SEVERAL_STREAMS,
    "inkling2_text": "It passes a bias of positions to its attention; through the interface its logits are others.",
    "inkling_text": "It passes a bias of positions to its attention that is not reproduced.",
    "longcat_flash": NO_LIST,
    "megatron-bert": OUTSIDE,
    "minimax": "Stock hands out the attention of single blocks of its text, and not that of the whole text.",
    "mpt": OUTSIDE,
    "musicgen": AUDIO,
    "musicgen_melody": AUDIO,
    "mvp": OUTSIDE,
    "openai-gpt": OUTSIDE,
    "prophetnet": "It predicts several tokens ahead with a stream for each, so there is no one stream to show.",
    "qwen3_5": ROUNDING,
    "qwen3_5_text": ROUNDING,
    "qwen4_exp": SEVERAL_STREAMS,
    "qwen4_exp_text": SEVERAL_STREAMS,
    "reformer": "Its attention is hashed at random, and its reversible layers fail to list their streams in stock.",
    "rembert": OUTSIDE,
    "roformer": OUTSIDE,
    "trocr": OUTSIDE,
    "xglm": OUTSIDE,
    "xlm": "The parts of its layers stand in four lists side by side, so there is no block to read a stream from.",
    "xlnet": "It reads a text in both directions unless told otherwise, so it predicts no next token.",
    "xmod": "Its head does not run without its layers, so no stream can be read with it.",
    "zamba2": ROUNDING,
    "zaya": "Its tiny model's attention is too flat for wrong answers to show.",
}
