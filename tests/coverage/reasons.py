"""Why a type is not proven, in plain words. One that becomes proven is to be taken out: the test says so."""

# Types whose layers hold a running state and call no attention at all. They are counted apart.
WITHOUT_ATTENTION = ("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm")

SEVERAL_STREAMS = "It carries several residual streams a token, so that there is no one stream to show or to read."
TWICE = "A layer computes attention twice, which no single map of weights shows; all else is equal."
DRAFTS = "It drafts for another model and reads that model's keys, so it cannot run alone."
AUDIO = "Its model class cannot be made from its own config; it decodes audio codes of four books at once."
POSITION_BIAS = "It passes a bias of positions to its attention that is not reproduced, so that is switched off."

REASONS: dict[str, str] = {
    "blt": "It reads bytes in patches with models inside the model; no tiny config of it could be made.",
    "cpmant": "It takes prompt tokens of its own before the text, so its streams are longer than the text.",
    "deepseek_v4": SEVERAL_STREAMS,
    "diffllama": TWICE,
    "doge": "Its mask is learned and hides keys in the middle of the text, from each head others; all else is equal.",
    "gemma3n": "Its vision part needs the package timm, which is not among the requirements.",
    "gemma3n_text": SEVERAL_STREAMS,
    "gemma4_assistant": DRAFTS,
    "gemma4_unified_assistant": DRAFTS,
    "hrm_text": "Its layers stand in no single list of as many as its config says, so it is refused at load.",
    "hy_v4": SEVERAL_STREAMS,
    "inkling2_text": POSITION_BIAS,
    "inkling_text": POSITION_BIAS,
    "longcat_flash": TWICE,
    "musicgen": AUDIO,
    "musicgen_melody": AUDIO,
    "openai-gpt": "Its attention goes neither through transformers' interface nor through steps that can be followed.",
    "prophetnet": "It predicts several tokens ahead with a stream for each, so there is no one stream to show.",
    "qwen4_exp": SEVERAL_STREAMS,
    "qwen4_exp_text": SEVERAL_STREAMS,
    "reformer": "Its attention is hashed at random, and its reversible layers fail to list their streams in stock.",
    "xlm": "The parts of its layers stand in four lists side by side, so there is no block to read a stream from.",
    "xlnet": "It reads a text in both directions unless told otherwise, so it predicts no next token.",
}
