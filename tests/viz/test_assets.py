"""The scripts that the page brings along."""

import re

from viz.components.assets import PLOTLY


def test_both_bundles_of_plotly_are_of_one_version() -> None:
    versions = {
        bundle: re.search(r"^\* plotly\.js .*?v(\d+\.\d+\.\d+)$", path.read_text(encoding="utf-8")[:500], re.MULTILINE)
        for bundle, path in PLOTLY.items()
    }
    assert all(versions.values())
    assert len({found[1] for found in versions.values() if found}) == 1
    assert (PLOTLY["cartesian"].parent / "LICENSE").is_file()
