"""Weights in 8 or 4 bits: what can run here, and why not where it cannot."""

from importlib.util import find_spec
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from model_runtime.errors import ModelUnsupported

# Bits a weight takes in the kinds that are unpacked as they are read: they would be computed with by code from the hub.
UNPACKED = {"fp8": 8.0, "mxfp4": 4.25}
# Kinds of checkpoints that are quantised already: the package that reads each, and whether it needs CUDA.
_KINDS: dict[str, tuple[str, bool]] = {
    "bitsandbytes": ("bitsandbytes", True),
    "gptq": ("gptqmodel", True),
    "awq": ("gptqmodel", True),
    "auto-round": ("auto_round", True),
    "aqlm": ("aqlm", True),
    "fp8": ("accelerate", False),
    "fbgemm_fp8": ("fbgemm_gpu", True),
    "fp_quant": ("fp_quant", True),
    "higgs": ("flute", True),
    "hqq": ("hqq", True),
    "mxfp4": ("accelerate", False),
    "quanto": ("optimum", False),
    "quark": ("quark", True),
    "spqr": ("spqr_quant", True),
    "torchao": ("torchao", False),
    "vptq": ("vptq", True),
    "bitnet": ("accelerate", False),
    "compressed-tensors": ("compressed_tensors", False),
}


def check_quantisation(title: str, config: Any, quantise: str, device: torch.device) -> None:
    """Refuses what cannot be quantised, or is quantised in a way that cannot run here.

    Raises:
        ModelUnsupported: With the reason, and what to use instead.
    """
    own = stored_quantisation(config)
    if own and quantise:
        raise ModelUnsupported(
            f"{title} is stored in {own} already and cannot be quantised to {quantise} as well. Load it without "
            "quantise."
        )
    if own:
        _check_stored(title, own, device)
    if not quantise:
        return
    instead = f"Load {title} without quantise in dtype='bfloat16', or choose a smaller model."
    if device.type != "cuda":
        raise ModelUnsupported(
            f"quantise={quantise!r} needs a CUDA device, and the model is to go to {device}. {instead}"
        )
    if find_spec("bitsandbytes") is None:
        raise ModelUnsupported(
            f"quantise={quantise!r} needs the package bitsandbytes: pip install bitsandbytes. {instead}"
        )


def stored_quantisation(config: Any) -> str:
    """How a checkpoint is quantised already, such as "gptq"; "" where it is not."""
    own = getattr(config, "quantization_config", None)
    if own is None:
        return ""
    method = own.get("quant_method") if isinstance(own, dict) else getattr(own, "quant_method", None)
    return str(getattr(method, "value", method) or "bitsandbytes").removesuffix("_4bit").removesuffix("_8bit")


def unpack(config: Any) -> None:
    """Has a checkpoint of the kinds in `UNPACKED` turned into plain numbers as it is read."""
    own = config.quantization_config
    if stored_quantisation(config) not in UNPACKED:
        return
    if isinstance(own, dict):
        own["dequantize"] = True
    else:
        own.dequantize = True


def bits_config(quantise: str, dtype: torch.dtype) -> BitsAndBytesConfig:
    """What transformers is told; numbers are computed in `dtype`, or in bfloat16 where that is float32."""
    computing = torch.bfloat16 if dtype == torch.float32 else dtype
    if quantise == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=computing)


def _check_stored(title: str, own: str, device: torch.device) -> None:
    instead = "Choose the same model with weights that are not quantised."
    if own not in _KINDS:
        raise ModelUnsupported(f"{title} is quantised as {own!r}, which is not known here. {instead}")
    package, cuda = _KINDS[own]
    if cuda and device.type != "cuda":
        raise ModelUnsupported(f"{title} is quantised as {own}, which runs on CUDA alone, not on {device}. {instead}")
    if find_spec(package) is None:
        raise ModelUnsupported(
            f"{title} is quantised as {own}, which needs the package {package}: pip install {package}. Or: {instead}"
        )
