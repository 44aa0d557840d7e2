"""What can be set when Tokenscope starts: by the environment, or on the command line, which wins.

A Hugging Face Space is open to everyone, so its defaults are strict; those of one's own machine are open.
"""

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

SIZES: Final = {"KB": 2**10, "MB": 2**20, "GB": 2**30}
LEVELS: Final = ("debug", "info", "warning", "error")


class SettingError(Exception):
    """A setting cannot be used; the message names it and says what may be given."""


def is_space(environment: Mapping[str, str]) -> bool:
    """Whether this runs as a Hugging Face Space."""
    return "SPACE_ID" in environment


def _text(text: str) -> str:
    return text.strip()


def _names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _yes(text: str) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.strip().lower() not in known:
        raise ValueError("use yes or no")
    return known[text.strip().lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"use a whole number from {low:,} to {high:,}")
        return int(text)

    return read


def _size(text: str) -> int:
    """Bytes, such as 512MB or 2GB."""
    number, unit = text.strip()[:-2], text.strip()[-2:].upper()
    try:
        count = float(number)
    except ValueError:
        count = 0.0
    if unit not in SIZES or not 0 < count < 2**20:
        raise ValueError("use a number and KB, MB or GB, such as 512MB")
    return int(count * SIZES[unit])


def _size_or_auto(text: str) -> int | None:
    """Bytes, or None for auto."""
    try:
        return None if text.strip().lower() == "auto" else _size(text)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from error


def _device(text: str) -> str:
    """A device as `Library` takes it; whether this machine has it shows when the library looks for it."""
    if not re.fullmatch(r"auto|cpu|spread|cuda(:\d+)?", text.strip()):
        raise ValueError("use auto, cpu, cuda, cuda:0 (or another number) or spread")
    return text.strip()


def _folders(text: str) -> tuple[str, ...]:
    """Folders that exist, with commas between them."""
    missing = [name for name in _names(text) if not Path(name).expanduser().is_dir()]
    if missing:
        raise ValueError(f"there is no folder {missing[0]!r} here; use existing folders with commas between them")
    return _names(text)


def _root_path(text: str) -> str:
    if text.strip() and not re.match(r"/|https?://", text.strip()):
        raise ValueError("use a path such as /tokenscope, or a whole address that begins with https://")
    return text.strip().rstrip("/")


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("use builtin, a Hugging Face id, or a folder")
    return text.strip()


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.strip().lower() not in choices:
            raise ValueError(f"use {', '.join(choices[:-1])} or {choices[-1]}")
        return text.strip().lower()

    return read


def _mcp(text: str) -> bool:
    """Yes only where the package that speaks MCP is installed; it is none of the requirements."""
    if _yes(text) and find_spec("mcp") is None:
        raise ValueError("this needs a further package: pip install 'gradio[mcp]'; or use no")
    return _yes(text)


def _logins(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of name and password, such as ada:secret,alan:other."""
    pairs = [tuple(pair.split(":", 1)) for pair in _names(text)]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise ValueError("use name:password, several with commas between them")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _setting(help_: str, read: Callable[[str], Any], local: str, public: str | None = None, *also: str) -> Any:
    """A field that is read from text; `also` are further variables that Gradio and Spaces set for the same thing."""
    told = {"help": help_, "read": read, "local": local, "public": local if public is None else public, "also": also}
    return field(metadata=told)


@dataclass(frozen=True)
class Settings:
    """The settings, read and checked.

    Attributes:
        model: Name of the model that the page opens with.
        models: Names that the picker offers; none for the catalogue.
        any_model: Whether visitors may open models beyond the offered ones.
        folders: Folders below which visitors may open models by path; none for nowhere.
        device: Where models run.
        dtype: The precision they run in.
        weights: Bytes of weights that are kept loaded.
        recordings: Bytes of recordings that each model keeps; None for what suits the device.
        text_tokens: The longest text a visitor may have, in tokens; 0 for the model's own limit.
        run_seconds: How long one Play or one long question may run; 0 for as long as it takes.
        queue: Visitors that may wait for one model.
        host: Address to serve on.
        port: Port to serve on; 0 for the first free one from 7860 on.
        root_path: Path under which a proxy serves the page.
        login: (name, password) of those who may come in; none for everybody.
        mcp: Whether MCP clients may use the endpoints as tools.
        language: The language of the page.
        log_level: The least important message that is logged.
    """

    model: str = _setting(
        "the model that the page opens with: builtin, a Hugging Face id, or a folder", _named, "builtin"
    )
    models: tuple[str, ...] = _setting("models that the picker offers, with commas; empty: its own list", _names, "")
    any_model: bool = _setting("whether visitors may open models that are not offered: yes or no", _yes, "yes", "no")
    folders: tuple[str, ...] = _setting(
        "folders, with commas, below which such models may be opened by path; empty: nowhere", _folders, "/", ""
    )
    device: str = _setting("where models run: auto, cpu, cuda, cuda:N or spread", _device, "auto")
    dtype: str = _setting(
        "what they run in: auto, float32, bfloat16 or float16",
        _one_of("auto", "float32", "bfloat16", "float16"),
        "auto",
    )
    weights: int = _setting(
        "weights that stay loaded, such as 16GB; the model used last stays in any case", _size, "16GB"
    )
    recordings: int | None = _setting(
        "recordings that each model keeps, such as 512MB; auto: 1 GB on a CPU, 4 GB elsewhere",
        _size_or_auto,
        "auto",
        "512MB",
    )
    text_tokens: int = _setting(
        "tokens that a text may have; 0: as many as the model takes", _whole(0, 10**7), "0", "2048"
    )
    run_seconds: int = _setting(
        "seconds that one Play or one long question may run; 0: as many as it takes", _whole(0, 86_400), "0", "60"
    )
    queue: int = _setting("visitors that may wait for one model", _whole(1, 10_000), "100", "40")
    host: str = _setting("address to serve on", _text, "127.0.0.1", "0.0.0.0", "GRADIO_SERVER_NAME")
    port: int = _setting(
        "port to serve on; 0: the first free one from 7860 on", _whole(0, 65_535), "0", None, "GRADIO_SERVER_PORT"
    )
    root_path: str = _setting(
        "path at which a proxy serves the page, such as /tokenscope", _root_path, "", None, "GRADIO_ROOT_PATH"
    )
    login: tuple[tuple[str, str], ...] = _setting(
        "name:password of those who may come in, with commas; empty: everybody", _logins, ""
    )
    mcp: bool = _setting("whether MCP clients may connect, which needs gradio[mcp]: yes or no", _mcp, "no")
    language: str = _setting("the language of the page: en, or one that viz/sentences holds", _text, "en")
    log_level: str = _setting(
        "the least important messages that are logged: debug, info, warning or error", _one_of(*LEVELS), "warning"
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"TOKENSCOPE_{name.upper()}"


def read(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the settings.

    Args:
        arguments: Of the command line, None for the program's own.
        environment: The variables.

    Raises:
        SettingError: One of them cannot be used.
    """
    public = is_space(environment)
    parser = argparse.ArgumentParser(
        prog="python app.py",
        usage="python app.py [--SETTING VALUE ...]",
        description="Watch a language model write, token by token: serves the page until interrupted.",
        epilog="In brackets: the environment variable of the same setting, and its default "
        f"{'on a Space' if public else 'on a machine of your own'}. The command line wins over the environment. "
        "docs/settings.md says more.",
    )
    for one in fields(Settings):
        default = one.metadata["public" if public else "local"] or "empty"
        told = f"{one.metadata['help']} ({variable(one.name)}; {default})".replace("%", "%%")
        parser.add_argument(f"--{one.name.replace('_', '-')}", dest=one.name, metavar="VALUE", help=told)
    given = vars(parser.parse_args(arguments))
    return Settings(**{one.name: _value(one, given[one.name], environment, public) for one in fields(Settings)})


def _value(one: Any, given: str | None, environment: Mapping[str, str], public: bool) -> Any:
    """A setting's value: of the command line, of the environment, or its default."""
    sources = [(f"--{one.name.replace('_', '-')}", given)]
    sources += [(variable(one.name), environment.get(variable(one.name)))]
    sources += [(name, environment.get(name) or None) for name in one.metadata["also"]]
    told = next(((name, text) for name, text in sources if text is not None), None)
    name, text = told or (one.name, one.metadata["public" if public else "local"])
    try:
        return one.metadata["read"](text)
    except ValueError as error:
        shown = "not readable" if one.name == "login" else repr(text)  # a password is not for the log
        raise SettingError(f"{name} is {shown}; {error}.") from None


def unknown(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like settings and are none, such as misspelt ones."""
    known = {variable(one.name) for one in fields(Settings)}
    return sorted(name for name in environment if name.startswith(variable("")) and name not in known)


def table() -> str:
    """The settings as a table in Markdown, for the documentation."""
    rows = ["| command line | environment | on one's machine | on a Space | what it sets |", "|---|---|---|---|---|"]
    for one in fields(Settings):
        local, public = (one.metadata[kind] or "empty" for kind in ("local", "public"))
        flag = one.name.replace("_", "-")
        rows.append(f"| `--{flag}` | `{variable(one.name)}` | {local} | {public} | {one.metadata['help']} |")
    return "\n".join(rows)
