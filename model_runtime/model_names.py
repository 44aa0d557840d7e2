"""What a model is asked for by: a name taken apart into where its files are, which of them, and how they are loaded."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from model_runtime.errors import ModelUnsupported

_BUILTIN = Path(__file__).resolve().parent.parent / "builtin_model"
BUILTIN = {"builtin": _BUILTIN / "weights", "builtin-gpt2": _BUILTIN / "weights_gpt2"}
QUANTISED = ("8bit", "4bit")
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
WITH_ADAPTER = " + "

_SOURCE = re.compile(r"(?P<where>.+?)(:(?P<part>8bit|4bit|[^:@]+\.gguf))?(@(?P<revision>[^:@]+))?", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """Where files are.

    Attributes:
        where: "builtin", a folder, a file or a hub id.
        part: The GGUF file within it, "" for none.
        revision: A branch, tag or commit of the hub, "" for the newest.
    """

    where: str
    part: str = ""
    revision: str = ""

    @property
    def is_path(self) -> bool:
        """Whether its files are sought on this machine, at a place that the name says."""
        if self.where in BUILTIN:
            return bool(self.part)
        climbs = ".." in Path(self.part).parts or Path(self.part).is_absolute()
        return climbs or not HUB_ID.fullmatch(self.where) or _is_there(self.where)

    @property
    def title(self) -> str:
        """The name without the revision."""
        return f"{self.where}:{self.part}" if self.part else self.where


@dataclass(frozen=True)
class ModelName:
    """A name taken apart.

    Attributes:
        model: The model, or an adapter that names its own base.
        adapter: What is put onto it, None for nothing.
        quantise: "8bit", "4bit", or "" for weights as they are.
    """

    model: Source
    adapter: Source | None = None
    quantise: str = ""

    @property
    def without_revisions(self) -> str:
        """The name but for what revision each of its parts is of."""
        model = f"{self.model.title}:{self.quantise}" if self.quantise else self.model.title
        return model if self.adapter is None else f"{model}{WITH_ADAPTER}{self.adapter.title}"


def read_name(name: str, *, quantise: str = "", adapter: str = "", look: bool = True) -> ModelName:
    """Takes a name apart, as `model_runtime.load_model` documents it.

    Args:
        name: Such as "org/model:4bit@main", "org/model:file.gguf", "folder + adapter".
        quantise: What the name may say as well.
        adapter: What the name may say as well.
        look: Whether to look for a file of this name first, which may hold any sign. Without, the disk is not touched,
            nor a host that a path such as //host/share names.

    Raises:
        ModelUnsupported: There is no such way to quantise, or name and arguments differ.
    """
    if not adapter and WITH_ADAPTER in name and not (look and _is_there(name)):
        name, _, adapter = name.partition(WITH_ADAPTER)
    model = _source(name, look)
    if model.part in QUANTISED:
        if quantise not in ("", model.part):
            raise ModelUnsupported(f"{name!r} asks for {model.part} and quantise is {quantise!r}. Give one of them.")
        quantise, model = model.part, replace(model, part="")
    if quantise not in ("", *QUANTISED):
        raise ModelUnsupported(f"There is no quantise {quantise!r} here; use '8bit', '4bit', or '' for none.")
    return ModelName(model, _source(adapter, look) if adapter else None, quantise)


def _source(text: str, look: bool) -> Source:
    if not text or (look and _is_there(text)):
        return Source(text)
    match = _SOURCE.fullmatch(text)
    return Source(**match.groupdict(default="")) if match else Source(text)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # longer than any path, or in a folder that may not be read
        return False
