"""What transformers and the libraries under it raise at files that they cannot use."""

from pickle import UnpicklingError
from struct import error as StructError  # noqa: N812 - it is one

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

FAILURES = (
    ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError, OSError, EOFError, SafetensorError,
    UnpicklingError, StructError, AssertionError, ArithmeticError, StrictDataclassError,
)  # fmt: skip
