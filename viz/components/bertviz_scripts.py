"""The scripts that bertviz's views run: its own from the installed package, d3 and jquery from beside this file."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from viz.bertviz_view import Kind, Scripts
from viz.components import assets

_LIBRARIES: Final = ("vendor/jquery.min.js", "vendor/d3.min.js")
_VIEWS: Final[dict[Kind, str]] = {"head view": "head_view.js", "model view": "model_view.js"}


@cache
def bertviz_scripts(kind: Kind) -> Scripts | None:
    """Returns what a view runs; None where bertviz is not installed.

    The package is found and not imported, since importing it needs IPython and draws on torch.
    """
    spec = find_spec("bertviz")
    if spec is None or not spec.submodule_search_locations:
        return None
    script = Path(spec.submodule_search_locations[0]) / _VIEWS[kind]
    if not script.is_file():
        return None
    return Scripts(tuple(assets.read(name) for name in _LIBRARIES), script.read_text(encoding="utf-8"))
