"""Tiny settings of the types that are put together from others: wrappers, hybrids, latent and compressed attention."""

from typing import Any

# Type -> what it takes besides `settings.GENERIC`.
COMPOSED: dict[str, dict[str, Any]] = {}
