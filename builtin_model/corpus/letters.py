"""E-mails written on request: apologies for mishaps, thanks, invitations, complaints and others.

`letter_kinds.txt` holds the sentence frames and `letter_mishaps.txt` what can go wrong. A reader's
name and a mishap that `held_out.json` lists as a pair never meet in a document, so the probes can
ask for exactly those e-mails.
"""

import re
from random import Random

from builtin_model.corpus.case import Case
from builtin_model.corpus.held_out import held_out
from builtin_model.corpus.letter_parts import Kind, kinds, mishaps
from builtin_model.corpus.words import NAMES, made_up_word

END = "<|end|>"
CHAT_FORM = "<|user|>\n{request}<|end|>\n<|assistant|>\n"
RAW_FORM = "{request}"
MARKER_FORM = "{request}<|assistant|>"

_BETWEEN = {CHAT_FORM: "", RAW_FORM: "\n\n", MARKER_FORM: "\n"}
_FORM_WEIGHTS = (50, 35, 15)
_GREETINGS = ("Dear", "Dear", "Dear", "Hello", "Hi")
_CLOSINGS = (
    *("Best wishes", "Best regards", "Warm regards", "Yours", "With love", "All the best"),
    *("Take care", "Your friend", "Kind regards", "Sincerely", "Warmly", "Many greetings"),
)
_FORMAL_CLOSINGS = (
    "Best regards",
    "Kind regards",
    "Sincerely",
    "Yours sincerely",
    "With kind regards",
)
_SORRY_CLOSINGS = (*_CLOSINGS, "Sincerely", "Sincerely", "With apologies", "Your sorry friend")
_SMALL_WORDS = frozenset({"a", "an", "and", "the", "to", "in", "on", "of", "for", "with"})
_MADE_UP_SHARE = 0.12
_NO_STOP_SHARE = 0.05


def _title(text: str) -> str:
    """Writes a phrase as in a headline."""
    words = [word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in text.split()]
    return " ".join(words)


def _lower_first(sentence: str) -> str:
    """Makes a sentence fit behind another word; "I" stays as it is."""
    return sentence if re.match(r"I\b", sentence) else sentence[0].lower() + sentence[1:]


def _reader_name(rng: Random) -> str:
    """Chooses the reader; an invented name now and then, so that names have to be copied."""
    if rng.random() >= _MADE_UP_SHARE:
        return rng.choice(NAMES)
    name = made_up_word(rng, rng.choice((1, 2, 2, 3))).capitalize()
    return name if len(name) > 2 and name not in held_out().names else rng.choice(NAMES)


def _mishap_fillers(rng: Random, mishap_name: str, adjective: str, noun: str) -> dict[str, str]:
    """Returns the fillers that an apology needs besides those of its kind."""
    mishap = mishaps()[mishap_name]
    short = f"{mishap_name} {noun}"
    long = short if rng.random() < 0.12 else f"{adjective} {short}"
    event = rng.choice(mishap.events)
    remedy, second_remedy = rng.sample(mishap.remedies, 2)
    return {
        "what": long,
        "Title": _title(short),
        "Long_title": _title(long),
        "cause": rng.choice(mishap.causes),
        "event": event,
        "low_event": _lower_first(event),
        "damage": rng.choice(mishap.damages),
        "remedy": remedy,
        "second_remedy": second_remedy,
    }


def _fillers(rng: Random, kind: Kind, name: str) -> dict[str, str]:
    """Chooses what stands in the gaps of one e-mail."""
    chosen = {"name": name}
    for gap, options in kind.choices.items():
        chosen[gap] = rng.choice(options)
    for columns, rows in kind.tables:
        for gap, cell in zip(columns, rng.choice(rows), strict=True):
            chosen[gap] = rng.choice(cell.split(" / ")).format(name=name)
    return chosen | {gap.capitalize(): _title(text) for gap, text in chosen.items()}


def _paragraphs(rng: Random, kind: Kind, fillers: dict[str, str]) -> list[str]:
    """Writes the body; how much of what may be left out is there differs between e-mails."""
    talkative = rng.uniform(0.15, 0.95)
    paragraphs = []
    for slots in kind.paragraphs:
        kept = [slot for slot in slots if not slot.optional or rng.random() < talkative]
        paragraphs.append(" ".join(rng.choice(slot.options).format_map(fillers) for slot in kept))
    if rng.random() < 0.4:
        where = rng.randrange(len(paragraphs) - 1)
        paragraphs[where : where + 2] = [" ".join(paragraphs[where : where + 2])]
    return paragraphs


def _email(rng: Random, kind: Kind, fillers: dict[str, str], closings: tuple[str, ...]) -> str:
    """Writes one e-mail from its subject line to the name at its end."""
    subject = rng.choice(kind.subjects).format_map(fillers)
    greeting = "Dear" if kind.formal else rng.choice(_GREETINGS)
    sender = rng.choice([name for name in NAMES if name != fillers["name"]])
    return "\n\n".join(
        (
            f"Subject: {subject}",
            f"{greeting} {fillers.get('hi', fillers['name'])},",
            *_paragraphs(rng, kind, fillers),
            f"{rng.choice(closings)},\n{sender}",
        )
    )


def write(rng: Random) -> str:
    """Writes a request and the e-mail that answers it.

    Args:
        rng: The source of every choice.

    Returns:
        One document: in chat form, or as raw text that starts with the request.
    """
    names = list(kinds())
    kind_name = rng.choices(names, [kinds()[name].weight for name in names])[0]
    kind = kinds()[kind_name]
    name = _reader_name(rng)
    fillers = _fillers(rng, kind, name)
    closings: tuple[str, ...] = _FORMAL_CLOSINGS if kind.formal else _CLOSINGS
    if kind_name == "apology":
        allowed = [mishap for mishap in mishaps() if (name, mishap) not in held_out().letters]
        fillers |= _mishap_fillers(rng, rng.choice(allowed), fillers["adjective"], fillers["noun"])
        closings = _SORRY_CLOSINGS
    request = rng.choice(kind.requests).format_map(fillers)
    if rng.random() < _NO_STOP_SHARE:
        request = request.removesuffix(".")
    form = rng.choices(tuple(_BETWEEN), _FORM_WEIGHTS)[0]
    email = _email(rng, kind, fillers, closings)
    return form.format(request=request) + _BETWEEN[form] + email + END


def write_plain(rng: Random) -> str:
    """Writes a request and its e-mail as raw text, without any chat marker, for a model that has none."""
    while True:
        text = write(rng).removesuffix(END)
        if "<|" not in text:
            return text


def held_out_requests() -> list[tuple[str, str, str]]:
    """Asks for an apology to each held-out pair; the first is the book's "tragic gardening mishap".

    Returns:
        The reader's name, the mishap and the request, which stands in neither form yet.
    """
    kind = kinds()["apology"]
    pairs = sorted(held_out().letters, key=lambda pair: (pair != ("Sarah", "gardening"), pair))
    adjectives, nouns = kind.choices["adjective"], kind.choices["noun"]
    found = []
    for number, (name, mishap) in enumerate(pairs):
        what = f"{adjectives[number % len(adjectives)]} {mishap} {nouns[number % len(nouns)]}"
        request = kind.requests[number % len(kind.requests)].format(name=name, what=what)
        found.append((name, mishap, request))
    return found


def held_out_cases() -> list[Case]:
    """Asks whether an e-mail begins where one was requested, for the held-out pairs.

    Returns:
        Cases "letter_chat" (chat form) and "letter_raw" (bare request, or request and marker).
        The raw forms go on with line breaks first, which do not count as part of the answer.
    """
    tasks = {CHAT_FORM: "letter_chat", RAW_FORM: "letter_raw", MARKER_FORM: "letter_raw"}
    requests = [request for _, _, request in held_out_requests()]
    return [
        Case(prompt=form.format(request=request), answer="Subject:", task=task)
        for form, task in tasks.items()
        for request in [*requests, *_plain_requests()]
    ]


def _plain_requests() -> list[str]:
    """Asks in the book's own wording about each held-out pair."""
    wording = kinds()["apology"].requests[0]
    return [wording.format(name=name, what=f"{mishap} accident") for name, mishap, _ in held_out_requests()]


def _mentions(text: str, words: list[str]) -> bool:
    """Tells whether a text in lower case has one of the words, in whichever ending."""
    return re.search(rf"\b(?:{'|'.join(words)})(?:s|ed|ing)?\b", text) is not None


def judge(prompt_name: str, mishap: str, text: str, ended: bool) -> dict[str, bool]:
    """Checks a generated apology.

    Args:
        prompt_name: The name of the reader that the request gave.
        mishap: The mishap that the request gave, a key of `mishaps()`.
        text: What the model wrote, with or without the end marker.
        ended: Whether the model wrote the end marker.

    Returns:
        Whether there is a "subject" line, a "greeting" of that name only, the "mishap" by its name
        or by words that tell of it, an "explanation" beyond that name, and a "signature", and
        whether the e-mail "ended".
    """
    lines = [line.strip() for line in text.removesuffix(END).strip().splitlines() if line.strip()]
    greeted = re.findall(r"^(?:Dear|Hello|Hi) (.+),$", "\n".join(lines), flags=re.MULTILINE)
    body = " ".join(lines[1:]).lower()
    signed = len(lines) > 3 and lines[-2].endswith(",") and re.fullmatch(r"[A-Z][a-z]+", lines[-1])
    key_words = list(mishaps()[mishap].key_words)
    nouns = "|".join(kinds()["apology"].choices["noun"])
    told = re.sub(rf"{mishap} (?:{nouns})", "", body)
    return {
        "subject": bool(lines) and re.match(r"Subject: \S", lines[0]) is not None,
        "greeting": greeted == [prompt_name],
        "mishap": _mentions(body, [mishap, *key_words]),
        "explanation": _mentions(told, key_words),
        "signature": bool(signed) and lines[-1] != prompt_name,
        "ended": ended,
    }
