"""Trains a built-in model from nothing: `python -m builtin_model.train --shape phi3 --out build/builtin`.

The corpus is written on the fly by `builtin_model.corpus`, so nothing is read but this package. A run counts steps,
keeps a checkpoint every few hundred of them, and goes on from the newest one when it is started again.
"""

import argparse
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from builtin_model.packing import UNLEARNABLE, batch
from builtin_model.shapes import SHAPES, Shape, Stage
from builtin_model.tokenizer import END_OF_TEXT, END_OF_TURN, train_tokenizer

log = logging.getLogger("train")


@dataclass(frozen=True)
class Recipe:
    """What decides how a run goes, besides its stages.

    Attributes:
        seed: Of the corpus, the tokenizer's documents and the initial weights.
        tokens: Tokens in a step.
        length: Tokens in a row of a usual step.
        context: Tokens in a row of every `long_every`-th step, and the context of the model: rotary positions that
            were never trained do not work.
        long_every: How often a step is made of long rows.
        warm_up: Steps over which the rate rises at the beginning of a stage.
    """

    seed: int = 1
    tokens: int = 4096
    length: int = 256
    context: int = 1024
    long_every: int = 4
    warm_up: int = 100


def stage_at(step: int, stages: tuple[Stage, ...]) -> tuple[Stage, int]:
    """The stage that a step falls into, and the index of the step in it.

    Raises:
        ValueError: The last stage ends before.
    """
    for stage in stages:
        if step < stage.steps:
            return stage, step
        step -= stage.steps
    raise ValueError(f"the last stage ended {step + 1} steps before")


def learning_rate(stage: Stage, step: int, warm_up: int) -> float:
    """The rate at a step of a stage: a linear rise, a plateau, a linear fall to 5 % of the peak."""
    falling = stage.steps * (1 - stage.decay)
    fall = max(0.0, (step - falling) / (stage.steps - falling))
    return stage.peak * min((step + 1) / warm_up, 1.0) * (1 - 0.95 * fall)


def optimisers(model: PreTrainedModel, rate: float) -> list[torch.optim.Optimizer]:
    """Muon (Jordan, 2024) for the blocks' matrices, AdamW for embeddings and norms."""
    tables = {id(one.weight) for one in model.modules() if isinstance(one, torch.nn.Embedding)}
    matrices = [one for one in model.parameters() if one.ndim == 2 and id(one) not in tables]
    others = [one for one in model.parameters() if one.ndim != 2 or id(one) in tables]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.01, fused=True),
    ]


def train(shape: Shape, recipe: Recipe, out: Path) -> None:
    """Runs the recipe, from the newest checkpoint in `out` if there is one, and writes the model there."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(shape, recipe, out)
    torch.manual_seed(recipe.seed)
    model = shape.model(shape.config(recipe.context))
    chosen = optimisers(model, shape.stages[0].peak)
    first = _resume(model, chosen, out / "checkpoint.pt")
    log.info("%.2f M parameters, step %d of %d", model.num_parameters() / 1e6, first, shape.steps)
    started = time.monotonic()
    for step in range(first, shape.steps):
        loss = _step(model, chosen, tokenizer, recipe, stage_at(step, shape.stages), step)
        if step % 50 == 0:
            speed = (step - first + 1) * recipe.tokens / (time.monotonic() - started)
            log.info("step %d loss %.3f, %.0f tokens a second", step, loss, speed)
        if step % 250 == 249 or step == shape.steps - 1:
            _keep(model, chosen, out / "checkpoint.pt", step + 1)
            export(model, tokenizer, out / "weights")


def _step(
    model: PreTrainedModel,
    chosen: list[torch.optim.Optimizer],
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    staged: tuple[Stage, int],
    step: int,
) -> float:
    long = step % recipe.long_every == recipe.long_every - 1
    length = recipe.context if long else recipe.length
    stage, step_of_stage = staged
    ids, labels = batch(tokenizer, recipe.seed, step, recipe.tokens // length, length, stage.weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids, use_cache=False).logits
    loss = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=UNLEARNABLE)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(stage, step_of_stage, recipe.warm_up)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return loss.item()


def _tokenizer(shape: Shape, recipe: Recipe, out: Path) -> PreTrainedTokenizerFast:
    folder = out / "tokenizer"
    if not folder.exists():
        train_tokenizer(shape.style, recipe.seed, recipe.context).save_pretrained(folder)
    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return loaded


def _resume(model: PreTrainedModel, chosen: list[torch.optim.Optimizer], checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    kept = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(kept["model"])
    for optimiser, state in zip(chosen, kept["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    return int(kept["step"])


def _keep(model: PreTrainedModel, chosen: list[torch.optim.Optimizer], checkpoint: Path, step: int) -> None:
    beside = checkpoint.with_suffix(".new")
    torch.save({"model": model.state_dict(), "optimisers": [o.state_dict() for o in chosen], "step": step}, beside)
    # A rename is whole or not at all: a run that is killed here still finds the checkpoint before.
    beside.replace(checkpoint)


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the model as transformers loads it, its weights in bfloat16, half the size of float32."""
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    copy = type(model)(model.config).bfloat16()
    copy.load_state_dict(weights)
    known = tokenizer.get_vocab()
    ends = [known[token] for token in (END_OF_TEXT, END_OF_TURN) if token in known]
    copy.generation_config = GenerationConfig(bos_token_id=ends[0], eos_token_id=ends, pad_token_id=ends[0])
    copy.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="phi3")
    parser.add_argument("--out", type=Path, default=Path("build/builtin"))
    for name, default in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    shape, out = SHAPES[arguments.pop("shape")], arguments.pop("out")
    train(shape, Recipe(**arguments), out)


if __name__ == "__main__":
    main()
