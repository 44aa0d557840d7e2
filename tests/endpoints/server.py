"""The page with its endpoints, served in this process over models that the tests hold."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_runtime import Offer
from tests.serving import Kept

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"
PROMPT = "The capital of Japan is"
IN_DOCS = "http://127.0.0.1:7860"


@contextmanager
def served(models: dict[str, Any], **launch: Any) -> Iterator[str]:
    """Serves a page that offers these models and no others; the first is its default."""
    from viz.panels.models import Models
    from viz.panels.page import build_page

    offers = [Offer(name, name, "Made for a test.") for name in models]
    page = build_page(Models(Kept(models), offers[0].name, any_name=False, offers=offers))
    page.queue(max_size=20)
    page.launch(server_name="127.0.0.1", prevent_thread_lock=True, ssr_mode=False, quiet=True, **launch)
    yield page.local_url.rstrip("/")
    page.close()


def same(answer: Any, record: Any) -> bool:
    """Whether an answer says what a record says, to the last bit. An independent reading of docs/api.md."""
    if isinstance(answer, dict) and set(answer) == {"axes", "unit", "shape", "values"}:
        return _same_array(answer, record)
    if is_dataclass(record):
        named = {field.name: getattr(record, field.name) for field in fields(record)}
        return set(answer) == set(named) and all(same(answer[name], value) for name, value in named.items())
    if isinstance(record, tuple):
        return len(answer) == len(record) and all(map(same, answer, record))
    if isinstance(record, bytes):
        return bytes.fromhex(answer) == record
    if hasattr(record, "items"):
        return set(answer) == {str(key) for key in record} and all(same(answer[str(k)], v) for k, v in record.items())
    if isinstance(record, float) and np.isnan(record):
        return answer is None
    return type(answer) is type(record) and answer == record


def _same_array(answer: dict[str, Any], record: Any) -> bool:
    if len(answer["axes"]) != len(answer["shape"]):
        return False
    if isinstance(record, tuple):
        return answer["shape"] == [len(record)] and same(answer["values"], record)
    if record.dtype.kind == "f":
        read = np.array(answer["values"], object)
        missing = np.equal(read, None)
        read[missing] = np.nan
        found = read.astype(np.float64)
        equal = np.array_equal(found, record.astype(np.float64), equal_nan=True)
        return equal and answer["shape"] == list(record.shape)
    return answer["shape"] == list(record.shape) and answer["values"] == record.tolist()


def example(language_after: str, address: str) -> str:
    """The first Python block of docs/api.md after a heading, with another address."""
    found = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8").split(language_after, 1)[1], re.DOTALL)
    assert found is not None
    assert IN_DOCS in found[1]
    return found[1].replace(IN_DOCS, address)


def ask(client: Any, name: str, *given: Any, **named: Any) -> Any:
    """What an endpoint answers a client of gradio_client."""
    return client.predict(*given, **named, api_name=f"/{name}")
