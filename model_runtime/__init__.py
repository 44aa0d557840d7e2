"""Runs a causal language model and answers questions about every step it takes.

    from model_runtime import load_model
    model = load_model("builtin")
    moment = model.begin("The capital of Japan is")
    moment = model.step(moment)

Importing the package is light: torch and transformers load when a model does.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from model_runtime.cache_records import CacheTable, CacheTiming, CacheWay
from model_runtime.catalogue import CATALOGUE, Offer, offers
from model_runtime.cause_records import AblationScan, Attribution, PatchGrid
from model_runtime.choosing_records import BeamTree, ChoiceStep, ChoiceSteps, Draws
from model_runtime.errors import (
    BadDecoding,
    BadMoment,
    BadRecording,
    ContextFull,
    DeviceFailed,
    EmptyPrompt,
    FeatureUnavailable,
    GpuUnavailable,
    InputError,
    LoadingStopped,
    ModelError,
    ModelNotFound,
    ModelTooLarge,
    ModelUnsupported,
    NoChatTemplate,
    NotFinite,
    OutOfRange,
    TextEnded,
    TokenscopeError,
    TooManyWaiting,
    UnequalTexts,
    VisitorLeft,
)
from model_runtime.head_records import (
    CombinedMap,
    HeadDistance,
    HeadLabel,
    HeadMeasure,
    HeadMosaic,
    HeadPairs,
    HeadRanking,
    HeadSimilarity,
    HeadTable,
)
from model_runtime.inside_head_records import InsideHead
from model_runtime.lens_records import LensCell, LensCurves, LensGrid, LensReading
from model_runtime.mask_records import KernelTime, KernelTiming, MaskChoice, MaskTable, OwnMask
from model_runtime.memory_records import MemoryNeed
from model_runtime.moment import Ablate, Decoding, Moment, Steer
from model_runtime.part_records import Contributions, NeuronTable, Question
from model_runtime.position_records import LearnedPositions, PackedRun, Packing, PositionScheme, RotaryHead
from model_runtime.prediction_records import ContextUse, Predictions
from model_runtime.prompt_part_records import Composition, LeftOut, PartAttention, PartEffects, PartSpans
from model_runtime.recording_file import RecordedText, load_recording
from model_runtime.records import (
    AttentionMap,
    Distribution,
    FilterStage,
    ModelCard,
    Proof,
    TokenTable,
)
from model_runtime.stream_records import ResidualTable, StreamSimilarity, TokenSimilarity
from model_runtime.structure_records import (
    AnatomyMap,
    BlockDrawing,
    BlockStep,
    Feedforward,
    ParameterPart,
    Positions,
    Stage,
    TreeLine,
)
from model_runtime.vocabulary_records import (
    Entries,
    NearestTokens,
    Pieces,
    PromptForms,
    SpecialTokens,
    VocabularyFacts,
    VocabularyPage,
)

if TYPE_CHECKING:
    from model_runtime.library import Library
    from model_runtime.model import Model
    from model_runtime.vocabulary import Vocabulary

__all__ = [
    "CATALOGUE",
    "Ablate",
    "AblationScan",
    "AnatomyMap",
    "AttentionMap",
    "Attribution",
    "BadDecoding",
    "BadMoment",
    "BadRecording",
    "BeamTree",
    "BlockDrawing",
    "BlockStep",
    "CacheTable",
    "CacheTiming",
    "CacheWay",
    "ChoiceStep",
    "ChoiceSteps",
    "CombinedMap",
    "Composition",
    "ContextFull",
    "ContextUse",
    "Contributions",
    "Decoding",
    "DeviceFailed",
    "Distribution",
    "Draws",
    "EmptyPrompt",
    "Entries",
    "FeatureUnavailable",
    "Feedforward",
    "FilterStage",
    "GpuUnavailable",
    "HeadDistance",
    "HeadLabel",
    "HeadMeasure",
    "HeadMosaic",
    "HeadPairs",
    "HeadRanking",
    "HeadSimilarity",
    "HeadTable",
    "InputError",
    "InsideHead",
    "KernelTime",
    "KernelTiming",
    "LearnedPositions",
    "LeftOut",
    "LensCell",
    "LensCurves",
    "LensGrid",
    "LensReading",
    "Library",
    "LoadingStopped",
    "MaskChoice",
    "MaskTable",
    "MemoryNeed",
    "Model",
    "ModelCard",
    "ModelError",
    "ModelNotFound",
    "ModelTooLarge",
    "ModelUnsupported",
    "Moment",
    "NearestTokens",
    "NeuronTable",
    "NoChatTemplate",
    "NotFinite",
    "Offer",
    "OutOfRange",
    "OwnMask",
    "PackedRun",
    "Packing",
    "ParameterPart",
    "PartAttention",
    "PartEffects",
    "PartSpans",
    "PatchGrid",
    "Pieces",
    "PositionScheme",
    "Positions",
    "Predictions",
    "PromptForms",
    "Proof",
    "Question",
    "RecordedText",
    "ResidualTable",
    "RotaryHead",
    "SpecialTokens",
    "Stage",
    "Steer",
    "StreamSimilarity",
    "TextEnded",
    "TokenSimilarity",
    "TokenTable",
    "TokenscopeError",
    "TooManyWaiting",
    "TreeLine",
    "UnequalTexts",
    "VisitorLeft",
    "VocabularyFacts",
    "VocabularyPage",
    "estimate",
    "load_model",
    "load_recording",
    "load_tokenizer",
    "offers",
]


def load_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantise: str = "",
    adapter: str = "",
    progress: Callable[[str, float | None], None] | None = None,
) -> "Model":
    """Loads a model and proves that what it will show is what it computes.

    Args:
        name: "builtin", a Hugging Face id such as "Qwen/Qwen3-0.6B" (with a revision: "Qwen/Qwen3-0.6B@main"), a
            folder, or a GGUF file ("model.gguf", or "org/repository:model.gguf" on the hub). Behind the name may stand
            how to quantise ("org/model:4bit") and an adapter ("org/model + org/adapter"), so that moments, which carry
            it, lead to the same model again. The name of an adapter alone opens it on the base that it names. Code
            from a model's repository is never run.
        device: "auto" (CUDA where present, with all GPUs together where one is too small, else the CPU), a torch device
            such as "cpu" or "cuda:1", or "spread" for all GPUs and, where they are too small, the CPU's memory.
        dtype: "auto" (float32 on a CPU, the checkpoint's own on CUDA), "checkpoint" (its own on any device), "float32",
            "bfloat16" or "float16".
        quantise: "8bit" or "4bit" to round the weights with bitsandbytes, on CUDA alone.
        adapter: A PEFT adapter (folder or id) to add to the weights.
        progress: Called with what is being done and, where it is known, how much of it is done (0 to 1); while files
            are fetched several times a second, with their bytes in words. It stops the loading by raising
            `LoadingStopped`: files that were fetched whole stay for the next time.

    Returns:
        The model, ready to be asked from any thread.

    Raises:
        ModelNotFound: There is no such model, or no way to reach it.
        ModelUnsupported: The files are no causal language model that transformers knows by itself.
        ModelTooLarge: The device has not enough memory for it.
        LoadingStopped: The progress function said so.
    """
    from model_runtime.loading import load  # late: this import brings torch

    return load(name, device=device, dtype=dtype, quantise=quantise, adapter=adapter, progress=progress)


def estimate(
    name: str, *, device: str = "auto", dtype: str = "auto", quantise: str = "", adapter: str = ""
) -> MemoryNeed:
    """How much memory a model will take, before its weights are fetched or read.

    Args:
        name: As `load_model` takes it, and so the others.
        device: Where it is to go.
        dtype: What its weights are to be in.
        quantise: How they are to be rounded.
        adapter: What is to be added to them.

    Returns:
        The bytes of the weights (from the files' headers, or their sizes on the hub) and of what is kept of a typical
        text, and what is free on the device.

    Raises:
        ModelNotFound: There is no such model, or no way to reach it.
        ModelUnsupported: The files are no causal language model that transformers knows by itself.
    """
    from model_runtime.loading import need_of  # late: this import brings torch

    return need_of(name, device=device, dtype=dtype, quantise=quantise, adapter=adapter)


def load_tokenizer(name: str) -> "Vocabulary":
    """Opens a model's tokenizer alone, to cut texts with; its weights are neither fetched nor read.

    Args:
        name: As `load_model` takes it.

    Returns:
        The tokenizer, ready to be used from any thread; `pieces` cuts a text.

    Raises:
        ModelNotFound: There is no such model, or no way to reach it.
        ModelUnsupported: Its tokenizer cannot be opened without code of its own.
    """
    from model_runtime.loading import open_tokenizer  # late: this import brings torch

    return open_tokenizer(name)


def __getattr__(name: str) -> Any:
    """Imports what needs torch at its first use."""
    late = {"Library": "model_runtime.library", "Model": "model_runtime.model"}
    if name not in late:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(late[name]), name)
