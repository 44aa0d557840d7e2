"""Many at once, over HTTP: each gets its own text and its place, the queue has an end, and who goes away is freed."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from model_runtime import Moment, Offer
from model_runtime.model import Model
from tests.endpoints.guests import Guest, events_of
from tests.endpoints.server import ask
from tests.serving import Kept, served
from viz.panels.limits import Limits
from viz.panels.models import Models
from viz.panels.visits import Visits

FEW = 5
WAITING = 40  # more than gradio's own number of threads leaves room for beside the page's other events
SOON = 120  # seconds that nothing here comes near
SECRETS = ("7391264850", "1597536842", "8640213579", "2468013579", "9182736450", "3141592653")
VISITS: list[Visits] = []


class Noted(Visits):
    """The visits of the page that is served, for a test to look at."""

    def __init__(self) -> None:
        super().__init__()
        VISITS.append(self)


@pytest.fixture(scope="module")
def page(model: Model) -> Iterator[Any]:
    """The page, served as `app.py` does."""
    offers = [Offer("builtin", "builtin", "Made for a test.")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("viz.panels.answers.Visits", Noted)
        patch.setattr("app.SESSIONS", FEW)  # nothing may depend on what gradio keeps of a session
        models = Models(Kept({"builtin": model}), "builtin", any_name=False, offers=offers)
        with served(models, limits=Limits(waiting=WAITING)) as page:
            patch.undo()
            yield page


@pytest.fixture(scope="module")
def address(page: Any) -> str:
    return str(page.local_url).rstrip("/")


@pytest.fixture(scope="module")
def config(address: str) -> dict[str, Any]:
    return events_of(address)


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture
def guests(address: str, config: dict[str, Any]) -> Iterator[Callable[[], Guest]]:
    """Lets a visitor come; all of them leave in the end."""
    come: list[Guest] = []

    def guest() -> Guest:
        come.append(Guest(address, config))
        return come[-1]

    yield guest
    for one in come:
        one.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


class Told:
    """All that one visitor was ever told: as it came, and with the labels of its tokens put together."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def hear(self, answer: dict[str, Any]) -> None:
        self.words.append(json.dumps(answer))
        strip = answer.get("token-strip")
        if isinstance(strip, dict) and "labels" in strip:
            self.words.append("".join(strip["labels"]))

    def holds(self, secret: str) -> bool:
        return any(secret in words for words in self.words)


def visit(guest: Guest, secret: str, told: Told) -> list[int]:
    """Begins a text, steps, looks, errs and plays. Returns the ids at the end."""
    told.hear(guest.act("start", prompt=f"The number of the day is {secret} and"))
    for name, detail in (
        ("step", {}),
        ("tab", {"tab": "lens"}),
        ("step", {}),
        ("cursor", {"position": 10**6}),
        ("head", {"layer": 99, "head": 0}),
        ("append", {"text": f" {secret[::-1]}"}),
        ("back", {}),
    ):
        told.hear(guest.act(name, detail))
    told.hear(guest.queued("play", {"steps": 4}))
    assert guest.view is not None
    return list(Moment.from_text(guest.view["branches"][0]).ids)


def alone(model: Model, secret: str) -> list[int]:
    """The same with nobody else there, in Python."""
    moment = model.begin(f"The number of the day is {secret} and")
    for _ in range(2):
        moment = model.step(moment)
    moment = model.back(model.append(moment, f" {secret[::-1]}"))
    return list([moment, *model.play(moment, 4)][-1].ids)


def program(client: Client, secret: str, told: Told) -> list[int]:
    """Likewise, as a program does it."""
    moment = ask(client, "begin", f"The number of the day is {secret} and")
    for _ in range(2):
        moment = ask(client, "step", moment)
    moment = ask(client, "back", ask(client, "append", moment, f" {secret[::-1]}"))
    with pytest.raises(AppError) as refused:
        ask(client, "attention", moment, 99, 0)
    told.words.append(str(refused.value))
    moment = ask(client, "step", moment, steps=4)
    table = ask(client, "tokens", moment)
    told.words += [json.dumps(table), "".join(table["text"]["values"])]
    return table["ids"]["values"]  # type: ignore[no-any-return]


def test_nobody_is_told_anything_of_anothers_text(address: str, guests: Callable[[], Guest], model: Model) -> None:
    told = [Told() for _ in SECRETS]
    half = len(SECRETS) // 2
    pages = [guests() for _ in range(half)]
    clients = [Client(address, verbose=False) for _ in range(half)]
    with ThreadPoolExecutor(len(SECRETS)) as pool:
        works = [pool.submit(visit, *given) for given in zip(pages, SECRETS[:half], told[:half], strict=True)]
        works += [pool.submit(program, *given) for given in zip(clients, SECRETS[half:], told[half:], strict=True)]
        ends = [work.result(SOON) for work in works]
    assert ends == [alone(model, secret) for secret in SECRETS]
    for own, heard in zip(SECRETS, told, strict=True):
        assert heard.holds(own)  # else nothing would be proved
        for other in SECRETS:
            assert other == own or not (heard.holds(other) or heard.holds(other[::-1]))


def test_each_that_waits_knows_its_place_and_is_answered(guests: Callable[[], Guest], model: Model) -> None:
    crowd, late = [guests() for _ in range(WAITING)], guests()
    late.act("start", prompt="A dog")
    shown = late.view
    with ThreadPoolExecutor(WAITING) as pool:
        with model.turns:
            model.turns.most = WAITING  # as the library sets it
            tickets = list(pool.map(lambda guest: guest.begin("start", prompt="A cat")["session"]["ticket"], crowd))
            assert sorted(pool.map(lambda guest: guest.place() or 0, crowd)) == list(range(1, WAITING + 1))
            refused = late.begin("step")
        answers = list(pool.map(lambda guest, ticket: guest.queued("follow", {"ticket": ticket}), crowd, tickets))
    begun = model.begin("A cat").to_text()
    assert [answer["session"]["view"]["branches"] for answer in answers] == [[begun]] * WAITING
    assert refused["message"]["kind"] == "error"
    assert refused["message"]["text"].startswith(f"The queue for this model is full, with {WAITING} waiting. Nothing")
    assert refused["session"]["view"] == shown


def test_the_place_comes_with_each_report(guests: Callable[[], Guest], model: Model) -> None:
    first, second = guests(), guests()
    with model.turns:
        reports = [guest.begin("start", prompt="A cat")["message"] for guest in (first, second)]
        assert [(report["kind"], report["before"]) for report in reports] == [("progress", 1), ("progress", 2)]


def test_a_full_queue_refuses_programs_in_plain_words(
    client: Client, guests: Callable[[], Guest], model: Model, moment: Moment
) -> None:
    most, model.turns.most = model.turns.most, 1
    try:
        with model.turns:
            waits = guests()
            waits.begin("start", prompt="A cat")
            for name, given in (("step", {}), ("tokens", {}), ("attention", {"layer": 0, "head": 0}), ("lens", {})):
                with pytest.raises(AppError, match=r"^The queue for this model is full, with 1 waiting\. Nothing"):
                    ask(client, name, moment.to_text(), **given)
    finally:
        model.turns.most = most
    assert ask(client, "step", moment.to_text()) == model.step(moment).to_text()


def test_what_a_killed_browser_began_ends(page: Any, guests: Callable[[], Guest], model: Model) -> None:
    (visits,) = VISITS
    guest = guests()
    guest.act("start", prompt="Once upon a time there was a little fox who")
    guest.beat()
    guest.join("play", {"steps": 900})
    heard = (told for told in guest.stream() if told["msg"] == "process_generating")
    next(heard)
    assert guest.session in visits._runs
    heard.close()
    guest.close()
    until(lambda: guest.session not in visits._runs)
    until(lambda: all(job is None for job in page._queue.active_jobs))
    assert model.turns.before(guest.session) is None


def test_gradio_keeps_little_of_visitors_that_are_gone(page: Any, guests: Callable[[], Guest]) -> None:
    for _ in range(FEW + 3):
        guests().place()  # any event makes gradio keep a session
    assert len(page.state_holder.session_data) == FEW
    one = guests()
    one.act("start", prompt="A cat")
    kept = page.state_holder.session_data[one.session].blocks_config.blocks
    assert sum(kept[number] is not part for number, part in page.blocks.items() if number in kept) <= 3
