# ruff: noqa: T201 - a benchmark prints
"""Measures what recording costs: steps of Tokenscope against a bare transformers loop on the same weights.

    python -m bench.stepping                          # the built-in model and a random Llama of 134 million parameters
    python -m bench.stepping --model openai-community/gpt2 --prompt 400 --steps 100

Four take turns token by token: the bare loop (fused attention, a cache, the argmax); Tokenscope's `step`, which runs
the token, keeps its recording and its statistics, and chooses the next; the same with the two questions that a page
always asks; and transformers' own `generate` keeping attentions and hidden states, which needs eager attention. Then
how much slower each step is after 4,096 tokens than after 128. The ratios are of medians of the thread's processor
time on one thread, on a GPU of the clock's. The last line is JSON.
"""

import argparse
from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from bench.models import Bare, Recorded, Watched, opened, random_ids, sharing
from bench.timing import Action, Times, interleaved, report, table, take_turns
from model_runtime.model import Model

BARE, RECORDED, WATCHED = "bare loop", "recorded step", "with tokens and distribution"
GENERATE = "generate with attentions and hidden states"
GOALS = {"builtin": 1.10, "llama-134m": 1.05}
GROWING = "llama-20m"  # whose steps are compared at these lengths
LENGTHS = (128, 4096)


class TakingTurns(StoppingCriteria):
    """Stands between two tokens of `generate`: notes how long its own took, then lets the others take theirs."""

    def __init__(self, others: Mapping[str, Action], steps: int) -> None:
        self.others, self.steps = others, steps
        self.times = {name: Times() for name in (*others, GENERATE)}

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """What `generate` asks after each token: whether to stop."""
        own = self.times[GENERATE]
        own.stop()
        take_turns(self.times, self.others)
        own.start()
        return torch.full((input_ids.shape[0],), len(own.cpu) >= self.steps, device=input_ids.device)


def beside_generate(bare: PreTrainedModel, model: Model, prompt: int, steps: int) -> dict[str, Times]:
    """The four, token by token."""
    ids = random_ids(model.card().vocabulary_size, prompt)
    # Two texts, as steps along one would find each other's recordings.
    actions = {
        BARE: Bare(bare, ids).step,
        RECORDED: Recorded(model, ids).step,
        WATCHED: Watched(model, random_ids(model.card().vocabulary_size, prompt, seed=1)).step,
    }
    for action in actions.values():
        action()
    turns = TakingTurns(actions, steps)
    eager = sharing(bare, "eager")
    eager.generation_config.eos_token_id = None  # a random text may end at any token
    with torch.inference_mode():
        eager.generate(  # type: ignore[operator]  # transformers leaves it untyped
            torch.tensor([ids], device=bare.device),
            max_new_tokens=steps + 1,
            do_sample=False,
            output_attentions=True,
            output_hidden_states=True,
            return_dict_in_generate=True,
            stopping_criteria=StoppingCriteriaList([turns]),
        )
    return turns.times


def growth(bare: PreTrainedModel, model: Model, steps: int) -> dict[str, float]:
    """How many times as long each step takes after the longer text."""
    found: dict[int, dict[str, Times]] = {}
    for tokens in LENGTHS:
        ids = random_ids(model.card().vocabulary_size, tokens)
        actions = {BARE: Bare(bare, ids).step, RECORDED: Recorded(model, ids).step}
        found[tokens] = interleaved(actions, steps)
        print(f"{GROWING} after {tokens} tokens, {steps} steps")
        table(found[tokens], BARE)
    short, long = (found[tokens] for tokens in LENGTHS)
    return {name: long[name].milliseconds / short[name].milliseconds for name in short}


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", help="a shape of bench.models or a name for load_model")
    parser.add_argument("--prompt", type=int, default=128, help="tokens of the prompt")
    parser.add_argument("--steps", type=int, default=100, help="steps to take")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ratios, goals, sizes = {}, {}, {}
    for name in arguments.model or list(GOALS):
        bare, model = opened(name)
        sizes[name] = model.card().parameters
        print(f"{name}, {sizes[name] / 1e6:.1f} M parameters; a prompt of {arguments.prompt} tokens")
        times = beside_generate(bare, model, arguments.prompt, arguments.steps)
        table(times, BARE)
        recorded = times[RECORDED].milliseconds
        ratios[f"{name}: recorded / bare"] = recorded / times[BARE].milliseconds
        ratios[f"{name}: watched / bare"] = times[WATCHED].milliseconds / times[BARE].milliseconds
        ratios[f"{name}: recorded / generate"] = recorded / times[GENERATE].milliseconds
        if name in GOALS:
            goals[f"{name}: recorded / bare"] = GOALS[name]
    if not arguments.model:
        grown = growth(*opened(GROWING), arguments.steps // 2)
        ratios |= {f"{GROWING}: growth of the {name}": value for name, value in grown.items()}
        ratios[f"{GROWING}: growth, recorded / bare"] = grown[RECORDED] / grown[BARE]
    report("stepping", ratios, goals, parameters=sizes, prompt=arguments.prompt, steps=arguments.steps)


if __name__ == "__main__":
    main()
