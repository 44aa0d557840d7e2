"""Measures what the built-in model has learned: `python -m builtin_model.probes`.

Every case asks for something in a form that training never showed: held-out phrasings, names, animals and pairs (see
`held_out.json`), or words and ids drawn on the spot. Decoding is greedy; a case counts only if the continuation starts
with the whole answer. The numbers of the model card come from here.
"""

import argparse
import json
import logging
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import torch
from transformers import Phi3ForCausalLM, PreTrainedTokenizerFast

from builtin_model.corpus import copying, facts, letters, reference, stories
from builtin_model.corpus.case import Case
from builtin_model.tokenizer import SPECIAL_TOKENS

log = logging.getLogger("probes")
WEIGHTS = Path(__file__).resolve().parent / "weights"
TABLE_BEGIN, TABLE_END = "<!-- probes -->", "<!-- end of probes -->"


class Subject:
    """The model under examination, with the tokenizer it was saved with."""

    def __init__(self, folder: Path) -> None:
        """Loads the model in float32, with plain attention so that its weights can be read."""
        self.model = Phi3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)

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
        ids = torch.randint(len(SPECIAL_TOKENS), len(self.tokenizer), (count, length), generator=generator)
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
    ids = torch.randint(len(SPECIAL_TOKENS), len(subject.tokenizer), (count, length), generator=generator)
    logits = subject.model(torch.cat([ids, ids], 1)).logits
    return float((logits[:, length:-1].argmax(-1) == ids[:, 1:]).float().mean())


def written_letters(subject: Subject) -> dict[str, float]:
    """Generates an apology for every held-out pair, in all three forms, and judges each of its parts."""
    forms = {"chat": letters.CHAT_FORM, "raw": letters.RAW_FORM, "marker": letters.MARKER_FORM}
    found: dict[str, float] = {}
    for form, frame in forms.items():
        asked = letters.held_out_requests()
        texts = subject.continuations([frame.format(request=request) for _, _, request in asked], 260)
        verdicts = []
        for (name, mishap, _), text in zip(asked, texts, strict=True):
            letter, end, _ = text.partition("<|end|>")
            verdicts.append(letters.judge(name, mishap, letter, bool(end)))
        for part in verdicts[0]:
            found[f"letter, {form}: {part} ({len(asked)})"] = sum(v[part] for v in verdicts) / len(verdicts)
        found[f"letter, {form}: all of it ({len(asked)})"] = sum(all(v.values()) for v in verdicts) / len(verdicts)
    return found


def running_on(subject: Subject, new_tokens: int = 20) -> dict[str, float]:
    """Continues the first sentence of 200 facts and stories: no early end, and no four words repeated in a loop."""
    rng = Random("running on")
    starts = [_first_sentence(kind, rng) for kind in ("facts", "stories") for _ in range(100)]
    texts = subject.continuations(starts, new_tokens)
    ended = [("<|end" in text) or len(subject.tokenizer(text)["input_ids"]) < new_tokens for text in texts]
    looping = [_loops(text.split()) for text in texts]
    return {
        f"runs on without an end ({len(texts)})": 1 - sum(ended) / len(ended),
        f"runs on without a loop ({len(texts)})": 1 - sum(looping) / len(looping),
    }


def _first_sentence(kind: str, rng: Random) -> str:
    while True:
        text: str = (facts if kind == "facts" else stories).write(rng)
        sentence = text.split(". ")[0] + "."
        if "<|" not in text and "\n" not in sentence and len(sentence) < 160 and len(text) > 2 * len(sentence):
            return sentence


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
    found = score(subject, cases + copying.held_out_cases(Random("copying")))
    found |= baselines(cases)
    found |= heads(subject)
    found["random ids repeated: next token right (200 x 31)"] = repeats(subject)
    return found | written_letters(subject) | running_on(subject)


def write_down(found: dict[str, float], folder: Path) -> None:
    """Puts the measures into `probes.json` and into the table of the model card, both beside the weights."""
    rounded = {name: round(value, 4) for name, value in found.items()}
    (folder / "probes.json").write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    card = folder / "README.md"
    before, _, rest = card.read_text(encoding="utf-8").partition(TABLE_BEGIN)
    _, _, after = rest.partition(TABLE_END)
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in rounded.items())
    table = f"| measure (cases) | value |\n|---|---|\n{rows}\n"
    card.write_text(f"{before}{TABLE_BEGIN}\n{table}{TABLE_END}{after}", encoding="utf-8")


def main() -> None:
    """Prints a table and, at the end, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--write", action="store_true", help="put the numbers into probes.json and the model card")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = measure(arguments.weights)
    for name, value in found.items():
        log.info("%-60s %.3f", name, value)
    log.info(json.dumps({name: round(value, 4) for name, value in found.items()}))
    if arguments.write:
        write_down(found, WEIGHTS.parent)


if __name__ == "__main__":
    main()
