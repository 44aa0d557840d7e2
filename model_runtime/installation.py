"""Installs the recorder in a transformers model, proves it, and draws the conclusions."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from model_runtime import anatomy as parts
from model_runtime import selfcheck
from model_runtime.ablation_check import prove_ablation
from model_runtime.contribution_check import take_apart
from model_runtime.engine import Engine
from model_runtime.layer_replay_check import prove_replay
from model_runtime.output_map import OutputMap
from model_runtime.outside import Follower
from model_runtime.position_tables import table_limit
from model_runtime.recorder import NAME, Recorder
from model_runtime.records import ModelCard, Proof
from model_runtime.unembedding import Unembedding
from model_runtime.vocabulary import Vocabulary


@dataclass(frozen=True)
class Installation:
    """A model that is ready to be asked.

    Attributes:
        engine: The model with its recorder.
        output: The way from the final stream to the logits, None where it cannot be split.
        context: The most tokens that fit.
        proofs: What was checked.
        off: Features that are switched off, each with the reason.
    """

    engine: Engine
    output: OutputMap | None
    context: int
    proofs: tuple[Proof, ...]
    off: dict[str, str]


def install(model: PreTrainedModel) -> Installation:
    """Puts the recorder into a model and switches off what cannot be proved.

    Raises:
        ModelUnsupported: The layers cannot be found, or nothing follows them.
    """
    model.eval()
    anatomy = parts.dissect(model)
    table = table_limit(model)
    context = parts.context_limit(anatomy.config)
    context = context if table is None else min(context, table)
    with torch.inference_mode():
        unembedding = Unembedding(model, anatomy, context)
    stock = selfcheck.stock_run(model, parts.readable_ids(model, unembedding.vocabulary))
    engine = Engine(model, anatomy, Recorder(anatomy.layers), unembedding)
    proofs = _proved(engine, stock)
    if all(proof.passed for proof in proofs if proof.feature == "attention"):
        proofs = (*proofs, prove_ablation(engine, stock.ids))
    off = {proof.feature: f"The check “{proof.name}” failed: {proof.detail}" for proof in proofs if not proof.passed}
    if "hidden" in off:
        off.setdefault("lens", off["hidden"])
    engine.keep_streams = "hidden" not in off
    engine.keep_logits = "lens" in off
    engine.cached = proofs[1].passed
    apart, output = take_apart(engine, stock.ids, off)
    again = prove_replay(engine, readable="hidden" not in off)
    return Installation(engine, output, context, (*proofs, *apart, *([] if again is None else [again])), off)


def _proved(engine: Engine, stock: selfcheck.Stock) -> tuple[Proof, ...]:
    """Puts the seam in where the model takes it, else follows its attention from outside, and runs the checks."""
    model, recorder = engine.model, engine.recorder
    before = engine.anatomy.config._attn_implementation
    # After loading, never through from_pretrained, where some families then compute wrong logits silently. Families
    # outside the interface log a warning and stay as they are.
    model.set_attn_implementation(NAME)
    if engine.anatomy.config._attn_implementation == NAME:  # a wrapper's own may stay as it was
        proofs = selfcheck.prove(engine, stock)
        if proofs[0].passed and recorder.attends:
            return proofs
        model.set_attn_implementation(before)  # the model itself comes first: it runs as it was
        recorder.forget()
    recorder.follower = Follower(recorder)
    proofs = selfcheck.prove(engine, stock)
    if not recorder.attends:
        recorder.follower = nullcontext()
    return proofs


def card_of(
    installation: Installation, vocabulary: Vocabulary, name: str, revision: str, notes: tuple[str, ...]
) -> ModelCard:
    """The facts of an installed model; those of its attention as it was seen to run, else from the config."""
    engine, model = installation.engine, installation.engine.model
    config = engine.anatomy.config
    seen = [formula for formula in engine.recorder.formulas if formula is not None]
    if seen:
        heads = max(formula.heads for formula in seen)
        shared = max(formula.key_value_heads for formula in seen)
        head_width = max(formula.head_width for formula in seen)
    else:
        heads = int(getattr(config, "num_attention_heads", 0) or 0)
        shared = int(getattr(config, "num_key_value_heads", None) or heads)
        head_width = int(config.hidden_size) // heads if heads else 0
    return ModelCard(
        name=name,
        revision=revision,
        fingerprint=parts.fingerprint(model.config, vocabulary.fingerprint()),
        model_type=model.config.model_type,
        architecture=type(model).__name__,
        layers=len(engine.anatomy.layers),
        heads=heads,
        key_value_heads=shared,
        head_width=head_width,
        width=int(config.hidden_size),
        vocabulary_size=vocabulary.size,
        context=installation.context,
        parameters=parts.parameters(model),
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        chat=vocabulary.chat,
        end_ids=parts.end_ids(model, vocabulary.end_id),
        proofs=installation.proofs,
        notes=notes,
    )
