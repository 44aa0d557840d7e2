"""Names of models taken apart, and no name that slips past a page that offers some alone."""

import pytest

from model_runtime.errors import ModelNotFound
from model_runtime.model_names import ModelName, Source, read_name
from viz.panels.models import Models


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("builtin", ModelName(Source("builtin"))),
        ("org/model", ModelName(Source("org/model"))),
        ("org/model@refs/pr/1", ModelName(Source("org/model", revision="refs/pr/1"))),
        ("org/model:4bit@v1", ModelName(Source("org/model", revision="v1"), quantise="4bit")),
        ("org/model:sub/m-Q4_K_M.gguf@v1", ModelName(Source("org/model", "sub/m-Q4_K_M.gguf", "v1"))),
        ("org/model@v1 + org/lora@v2", ModelName(Source("org/model", "", "v1"), Source("org/lora", "", "v2"))),
        ("/no/such:folder", ModelName(Source("/no/such:folder"))),
        ("", ModelName(Source(""))),
    ],
)
def test_names_are_taken_apart(name, expected):
    assert read_name(name) == expected


def test_a_folder_may_be_called_anything(tmp_path):
    folder = tmp_path / "my + model:4bit@home"
    folder.mkdir()
    assert read_name(str(folder)) == ModelName(Source(str(folder)))
    assert read_name(str(folder), quantise="8bit", adapter="org/lora").adapter == Source("org/lora")


class Keeper:
    def get(self, name, progress=None, *, dtype=""):
        raise AssertionError("nothing is to be loaded")


@pytest.mark.parametrize(
    "name",
    ["org/other", "builtin + org/lora", "builtin@x + org/lora", "builtin:4bit", "builtin:a.gguf@x"],
)
def test_a_page_opens_what_it_offers_alone(name):
    models = Models(Keeper(), "builtin", any_name=False)
    with pytest.raises(ModelNotFound, match="not among"):
        models.check(name)
    models.check("HuggingFaceTB/SmolLM2-135M@93efa2f097d58c2a74874c7e644dbc9b0cee75a2")
