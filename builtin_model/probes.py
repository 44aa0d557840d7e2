"""Measures what a built-in model has learned: `python -m builtin_model.probes --shape phi3`.

Every case asks for something in a form that training never showed: held-out phrasings, names, animals and pairs (see
`held_out.json`), or words and ids drawn on the spot. Decoding is greedy; a case counts only if the continuation starts
with the whole answer. The numbers of the model card come from here.
"""

import argparse
import json
import logging
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from builtin_model.corpus import copying, facts, letters, reference
from builtin_model.corpus.case import Case
from builtin_model.corpus.facts_tables import Country, countries
from builtin_model.corpus.words import NAMES, WOMEN, pronouns
from builtin_model.shapes import PHI3, SHAPES, Shape

log = logging.getLogger("probes")
HERE = Path(__file__).resolve().parent
LETTER = 260  # tokens that a letter may take


class Subject:
    """The model under examination, with the tokenizer it was saved with."""

    def __init__(self, folder: Path) -> None:
        """Loads the model in float32, with plain attention so that its weights can be read."""
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)

    @property
    def chats(self) -> bool:
        """Whether it was taught the chat markers."""
        return self.tokenizer.chat_template is not None

    @torch.inference_mode()
    def continuations(self, prompts: list[str], new_tokens: int) -> list[str]:
        """Returns the greedy continuation of each prompt; special tokens stay in the text."""
        found: list[str] = []
        for start in range(0, len(prompts), 32):
            found += self._batch(prompts[start : start + 32], new_tokens)
        return found

    def _batch(self, prompts: list[str], new_tokens: int) -> list[str]:
        read = self.tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        written = self.model.generate(**read, max_new_tokens=new_tokens, do_sample=False)
        new = written[:, read["input_ids"].shape[1] :]
        # What stands behind the first end token is padding.
        return [self.tokenizer.decode(row).split("<|endoftext|>")[0] for row in new]

    @torch.inference_mode()
    def attention_on_repeats(self, count: int, length: int, seed: int) -> torch.Tensor:
        """Runs the model on random ids said twice.

        Returns:
            Attention weights [text, layer, head, 2 * length, 2 * length].
        """
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(
            len(self.tokenizer.all_special_ids), len(self.tokenizer), (count, length), generator=generator
        )
        output = self.model(torch.cat([ids, ids], 1), output_attentions=True)
        return torch.stack(output.attentions, 1)


def score(subject: Subject, cases: list[Case]) -> dict[str, float]:
    """The fraction of cases of each task whose greedy continuation starts with the answer."""
    texts = subject.continuations([case.prompt for case in cases], 10)
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for case, text in zip(cases, texts, strict=True):
        right[case.task].append(text.lstrip().startswith(case.answer))
    return {f"{task} ({len(hits)})": sum(hits) / len(hits) for task, hits in right.items()}


def baselines(cases: list[Case]) -> dict[str, float]:
    """What always giving the commonest answer would score, for tasks with few different answers."""
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        answers[case.task].append(case.answer)
    shares = {task: Counter(given).most_common(1)[0][1] / len(given) for task, given in answers.items()}
    return {f"{task}, always the commonest answer": share for task, share in shares.items() if 0.05 < share < 1}


def heads(subject: Subject, length: int = 64) -> dict[str, float]:
    """The best induction, duplicate-token and previous-token head, by mean weight over 64 random repeated texts.

    Induction is the weight from the second copy's token i to the first copy's token i + 1 (Olsson et al., 2022).
    """
    weights = subject.attention_on_repeats(64, length, seed=0)
    second = torch.arange(length, 2 * length)
    every = torch.arange(1, 2 * length)
    measures = {
        "best induction head": weights[..., second, second - length + 1],
        "best duplicate-token head": weights[..., second, second - length],
        "best previous-token head": weights[..., every, every - 1],
    }
    return {name: float(found.mean((0, -1)).max()) for name, found in measures.items()}


@torch.inference_mode()
def repeats(subject: Subject, count: int = 200, length: int = 32) -> float:
    """The fraction of tokens predicted right in the second copy of random ids."""
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(
        len(subject.tokenizer.all_special_ids), len(subject.tokenizer), (count, length), generator=generator
    )
    logits = subject.model(torch.cat([ids, ids], 1)).logits
    return float((logits[:, length:-1].argmax(-1) == ids[:, 1:]).float().mean())


def written_letters(subject: Subject) -> dict[str, float]:
    """Generates an apology for every held-out pair, in all three forms, and judges each of its parts."""
    forms = {"chat": letters.CHAT_FORM, "raw": letters.RAW_FORM, "marker": letters.MARKER_FORM}
    forms = {form: frame for form, frame in forms.items() if subject.chats or form == "raw"}
    found: dict[str, float] = {}
    for form, frame in forms.items():
        asked = letters.held_out_requests()
        texts = subject.continuations([frame.format(request=request) for _, _, request in asked], LETTER)
        verdicts = []
        for (name, mishap, _), text in zip(asked, texts, strict=True):
            letter, end, _ = text.partition("<|end|>")
            # Without chat markers a letter ends with its text, where `continuations` cut it.
            ended = bool(end) if subject.chats else len(subject.tokenizer(text)["input_ids"]) < LETTER
            verdicts.append(letters.judge(name, mishap, letter, ended))
        for part in verdicts[0]:
            found[f"letter, {form}: {part} ({len(asked)})"] = sum(v[part] for v in verdicts) / len(verdicts)
        found[f"letter, {form}: all of it ({len(asked)})"] = sum(all(v.values()) for v in verdicts) / len(verdicts)
    return found


def running_on(subject: Subject, new_tokens: int = 20) -> dict[str, float]:
    """Continues 100 facts and the first lines of 100 stories for twenty tokens.

    Good is: no early end, no four words twice, and the subject kept. A fact keeps its subject if no country is named
    but its own and its neighbours, a story if its hero or the hero's pronoun comes again.
    """
    rng = Random("running on")
    places = rng.sample(countries(), 100)
    facts_begun = [f"The capital of {place.country} is {place.capital}." for place in places]
    heroes = [rng.choice(NAMES) for _ in range(100)]
    stories_begun = [f"Once upon a time there was a {_child(hero)} named {hero}." for hero in heroes]
    texts = subject.continuations(facts_begun + stories_begun, new_tokens)
    lengths = [len(subject.tokenizer(text)["input_ids"]) for text in texts]
    kept = [_keeps_country(place, text) for place, text in zip(places, texts[:100], strict=True)]
    kept += [_keeps_hero(hero, text) for hero, text in zip(heroes, texts[100:], strict=True)]
    return {
        "runs on 20 tokens without an end (200)": sum(length >= new_tokens for length in lengths) / 200,
        "runs on 20 tokens without a loop (200)": sum(not _loops(text.split()) for text in texts) / 200,
        "runs on 20 tokens and keeps its subject (200)": sum(kept) / 200,
    }


def _child(name: str) -> str:
    return "little girl" if name in WOMEN else "little boy"


def _keeps_country(place: Country, text: str) -> bool:
    own = {place.country, *place.neighbours}
    others = {other.country for other in countries()} - own
    # "Guinea" is no stray where "Equatorial Guinea" is meant.
    return not any(other in text and not any(other in name for name in own) for other in others)


def _keeps_hero(name: str, text: str) -> bool:
    words = set(re.findall(r"\w+", text))
    return name in words or bool(set(pronouns(name)) & {word.lower() for word in words})


def _loops(words: list[str]) -> bool:
    fours = [tuple(words[start : start + 4]) for start in range(len(words) - 3)]
    return len(set(fours)) < len(fours)


def measure(folder: Path) -> dict[str, float]:
    """Runs every probe on the model in a folder.

    Returns:
        The name of each measure, with the number of cases where that is not fixed, and its value from 0 to 1.
    """
    subject = Subject(folder)
    cases = facts.held_out_cases() + reference.held_out_cases(Random("reference")) + letters.held_out_cases()
    cases = [case for case in cases if subject.chats or "<|" not in case.prompt]
    found = score(subject, cases + copying.held_out_cases(Random("copying")))
    found |= baselines(cases)
    found |= heads(subject)
    found["random ids repeated: next token right (200 x 31)"] = repeats(subject)
    return found | written_letters(subject) | running_on(subject)


def write_down(found: dict[str, float], shape: Shape) -> None:
    """Puts the measures of a shape into a file beside its weights and into its table of the model card."""
    rounded = {name: round(value, 4) for name, value in found.items()}
    measures_of(shape).write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    card = HERE / "README.md"
    begin, end = f"<!-- probes of {shape.name} -->", f"<!-- end of probes of {shape.name} -->"
    before, _, rest = card.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in rounded.items())
    table = f"| measure (cases) | value |\n|---|---|\n{rows}\n"
    card.write_text(f"{before}{begin}\n{table}{end}{after}", encoding="utf-8")


def measures_of(shape: Shape) -> Path:
    """The file that holds a shape's measures."""
    return HERE / f"probes_{shape.name}.json"


def main() -> None:
    """Prints a table and, at the end, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default=PHI3.name)
    parser.add_argument("--weights", type=Path, default=None, help="a folder, by default the shape's that ships")
    parser.add_argument("--write", action="store_true", help="put the numbers into the shape's file and the model card")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shape = SHAPES[arguments.shape]
    found = measure(arguments.weights or HERE / shape.weights)
    for name, value in found.items():
        log.info("%-60s %.3f", name, value)
    log.info(json.dumps({name: round(value, 4) for name, value in found.items()}))
    if arguments.write:
        write_down(found, shape)


if __name__ == "__main__":
    main()
