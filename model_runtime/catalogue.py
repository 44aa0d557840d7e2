"""The models on offer, and what each needs."""

from dataclasses import dataclass

PHI3 = "microsoft/Phi-3-mini-4k-instruct"
PHI3_NEEDS = 10 * 10**9  # bytes free on the device: 7.6 for the weights in bfloat16, the rest for texts


@dataclass(frozen=True)
class Offer:
    """One model that the page proposes.

    Attributes:
        name: What `load_model` is called with.
        title: A short name for people.
        needs: One line: its size and what it takes to run it.
    """

    name: str
    title: str
    needs: str


CATALOGUE: tuple[Offer, ...] = (
    Offer("builtin", "Tokenscope's own small model", "Ships with Tokenscope; runs at once on any CPU, offline."),
    Offer(
        "builtin-gpt2",
        "Tokenscope's own, of the old kind",
        "Ships with Tokenscope: GPT-2's architecture, to compare with; runs at once, offline; no chat template.",
    ),
    Offer(
        "HuggingFaceTB/SmolLM2-135M",
        "SmolLM2 135M",
        "135 million parameters; downloads 0.3 GB; fine on a laptop CPU.",
    ),
    Offer(
        "openai-community/gpt2",
        "GPT-2 small",
        "124 million parameters; downloads 0.5 GB; fine on a laptop CPU.",
    ),
    Offer(
        "Qwen/Qwen3-0.6B",
        "Qwen3 0.6B",
        "0.6 billion parameters; downloads 1.5 GB; 3 GB of memory on a CPU; chat template.",
    ),
    Offer(
        PHI3,
        "Phi-3 mini 4k instruct",
        "3.8 billion parameters; downloads 7.6 GB; a GPU with 10 GB, or 16 GB of memory and patience; chat template.",
    ),
)


def offers(free_cuda_bytes: int | None) -> tuple[Offer, ...]:
    """The models on offer, the one that suits the machine best first.

    Args:
        free_cuda_bytes: Bytes free on the CUDA device that models go to, None without one.

    Returns:
        The catalogue; Phi-3 mini comes first where the device has 10 GB or more free.
    """
    if free_cuda_bytes is None or free_cuda_bytes < PHI3_NEEDS:
        return CATALOGUE
    return tuple(sorted(CATALOGUE, key=lambda offer: offer.name != PHI3))
