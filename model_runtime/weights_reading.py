"""Reads weights into a model with transformers, telling how many tensors are there, and refuses what lacks some."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GgufConfig, PreTrainedModel
from transformers.utils import logging

from model_runtime.errors import ModelTooLarge, ModelUnsupported
from model_runtime.failures import FAILURES
from model_runtime.loading_progress import Reporter
from model_runtime.model_files import ModelFiles
from model_runtime.placement import DTYPES, Place
from model_runtime.quantisation import bits_config, stored_quantisation, unpack

SECONDS_BETWEEN_REPORTS = 0.2


def read_weights(
    files: ModelFiles, config: Any, place: Place, *, dtype: str, quantise: str, report: Reporter
) -> PreTrainedModel:
    """The model with its weights, in its place.

    Raises:
        ModelTooLarge: The device has not enough memory.
        ModelUnsupported: The weights cannot be opened, or are not all there.
        LoadingStopped: The report said so.
    """
    how: dict[str, Any] = {"config": config, "dtype": DTYPES[dtype], "trust_remote_code": False}
    if files.gguf:
        # Otherwise weights may stay packed, to be computed with by code that is fetched from the hub.
        how |= {"gguf_file": files.gguf, "quantization_config": GgufConfig(dequantize=True)}
    elif stored_quantisation(config):
        unpack(config)
        how["dtype"] = "auto" if place.device.type == "cuda" else DTYPES[dtype]
    if quantise:
        how["quantization_config"] = bits_config(quantise, DTYPES[dtype])
    if place.shares is not None:
        how |= {"device_map": "auto", "max_memory": place.shares}
    elif place.device.type == "cuda":
        how["device_map"] = {"": place.device}
    try:
        with _told(report):
            opened: Any = AutoModelForCausalLM.from_pretrained(files.folder, output_loading_info=True, **how)
        model, info = opened
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(
            f"{place.device} has not enough memory for {files.title}. Use a smaller model or dtype='bfloat16'."
        ) from error
    except FAILURES as error:
        raise ModelUnsupported(
            f"The weights of {files.title} cannot be opened: {_first_line(error)}. Get its files again."
        ) from error
    _check_whole(files.title, model, info)
    whole: PreTrainedModel = model
    if whole.device.type == "meta":  # then ids have no device to be put on
        raise ModelTooLarge(
            f"{place.device} has not even room for the embedding of {files.title}. Close what else uses it, or "
            "choose a smaller model."
        )
    return whole


def _check_whole(title: str, model: Any, info: dict[str, Any]) -> None:
    """Refuses weights that lack some: transformers would only warn, and fill them with noise."""
    lacking: set[str] = set(info["missing_keys"])
    if not lacking:
        return
    head = model.get_output_embeddings()
    of_head = {name for name in lacking if head is not None and model.get_submodule(name.rpartition(".")[0]) is head}
    if lacking == of_head:
        raise ModelUnsupported(
            f"The weights of {title} lack the language head ({', '.join(sorted(lacking))}): they are the body of a "
            "model, "
            f"for embedding or classifying texts. Choose the checkpoint of {type(model).__name__} that it was made "
            "from."
        )
    raise ModelUnsupported(
        f"The weights of {title} lack {len(lacking)} tensors, such as {min(lacking)}. Get its files again; if they are "
        "whole, its config.json belongs to another model."
    )


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error) or 'no reason given').splitlines()[0].rstrip('.')}"


@contextmanager
def _told(report: Reporter) -> Iterator[None]:
    """Makes transformers tell us what it would draw as progress bars, of this thread alone."""
    thread = threading.get_ident()
    previous: Any = None

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if threading.get_ident() != thread or len(args) != 1:
            return factory(*args, **options) if previous is None else previous(factory, args, options)
        return _counted(list(args[0]), report)

    previous = logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        logging.set_tqdm_hook(previous)


def _counted(items: list[Any], report: Reporter) -> Iterator[Any]:
    told = 0.0
    for number, item in enumerate(items):
        if time.monotonic() >= told + SECONDS_BETWEEN_REPORTS:
            report(f"Reading the weights: {number} of {len(items)} tensors", number / len(items))
            told = time.monotonic()
        yield item
