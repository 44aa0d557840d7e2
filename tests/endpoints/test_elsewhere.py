"""Endpoints of a page whose models run in another process, as on Hugging Face ZeroGPU."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from gradio.context import LocalContext
from gradio_client import Client

from model_runtime import Moment, load_model
from model_runtime.elsewhere import Elsewhere, Order, Run
from tests.endpoints.server import PROMPT, ask, same, served
from tests.runtime.lending import Lender
from tests.serving import Kept
from viz.panels.models import Models
from viz.panels.page import build_page

TOKEN = "of this visitor"


@pytest.fixture(scope="module")
def lender() -> Iterator[Lender]:
    found = Lender()
    yield found
    found.close()


@pytest.fixture(scope="module")
def visitors() -> list[str | None]:
    return []


@pytest.fixture(scope="module")
def client(lender: Lender, visitors: list[str | None]) -> Iterator[Client]:
    def lend(run: Run, seconds: Any) -> Run:
        lent = lender(run, seconds)

        def asked(order: Order) -> Generator[Any, None, None]:
            request = LocalContext.request.get(None)  # where the platform finds whose quota it is
            visitors.append(None if request is None else request.headers.get("x-ip-token"))
            yield from lent(order)

        return asked

    model = load_model("builtin", device="cpu", dtype="checkpoint")
    model.run_elsewhere(Elsewhere(lend, "cpu"))
    with served({"builtin": model}) as address:
        yield Client(address, verbose=False, headers={"x-ip-token": TOKEN})


def test_a_text_is_begun_stepped_and_looked_at(client: Client, lender: Lender, visitors: list[str | None]) -> None:
    here = load_model("builtin", device="cpu", dtype="checkpoint")
    begun = ask(client, "begin", PROMPT)
    assert len(lender.orders) == 0
    stepped = ask(client, "step", begun)
    assert len(lender.orders) == 1
    written = ask(client, "step", stepped, steps=4)
    assert len(lender.orders) == 2
    moment = Moment.from_text(written)
    assert moment == list(here.play(here.begin(PROMPT), 5))[-1]
    assert visitors == [TOKEN, TOKEN]

    count = len(moment.ids)
    attention = ask(client, "attention", written, 3, 2)
    assert same(attention["visible"], here.attention(moment, 3, 2).visible)
    assert attention["weights"]["shape"] == [count, count]
    lens = ask(client, "lens", written)
    assert lens["ids"]["values"][-1][-1] == here.lens(moment).ids[-1, -1]
    earlier = ask(client, "back", written, 2)
    assert ask(client, "distribution", earlier)["position"] == count - 3
    ask(client, "heads", written)
    ask(client, "contributions", written)
    ask(client, "tokens", written)
    assert len(lender.orders) == 2

    branch = ask(client, "step", earlier, take=5)
    ask(client, "distribution", branch)
    assert [order.have for order in lender.orders] == [0, len(begun_ids(begun)) + 1, count - 2]


def begun_ids(text: str) -> tuple[int, ...]:
    return Moment.from_text(text).ids


@pytest.mark.parametrize("queued", [True, False])
def test_actions_pass_the_queue_where_only_that_carries_the_visitors_quota(queued: bool) -> None:
    page = build_page(Models(Kept({}), "builtin", queued=queued))
    actions = [fn for fn in page.fns.values() if fn.name in ("opened", "acted")]
    assert len(actions) == 2
    assert all(fn.queue is queued and fn.concurrency_limit is None for fn in actions)
