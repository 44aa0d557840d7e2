"""Models on the Hugging Face hub: what a repository holds, and fetching no more of it than is needed."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, get_cached_repo_tree
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from model_runtime.downloading import fetch_files
from model_runtime.errors import ModelNotFound, ModelTooLarge
from model_runtime.loading_progress import Reporter, in_words

# Everything of the top folder that config, tokenizer or templates can be made of.
SMALL_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "*.spm", "*.codes", "*.vocab")
# A repository's own statistics of its training.
_NEVER = ("trainer_state.json", "all_results.json", "train_results.json", "eval_results.json", "requirements*.txt")


@dataclass(frozen=True)
class HubModel:
    """A model of the hub at one commit.

    Attributes:
        identity: Its id, such as "Qwen/Qwen3-0.6B".
        revision: What was asked for, resolved to a commit (huggingface_hub's `ResolvedRevision`).
        folder: Where its files lie once they are fetched, named by the commit.
        sizes: Bytes of each file of the repository by its path, or of what is here where the hub cannot be reached.
    """

    identity: str
    revision: str
    folder: Path
    sizes: dict[str, int]

    @property
    def commit(self) -> str:
        """The commit hash."""
        return self.folder.name


def find_on_hub(identity: str, revision: str | None, report: Reporter) -> HubModel:
    """Finds a model on the hub, or in what was fetched of it before, and fetches its small files.

    Args:
        identity: A hub id.
        revision: A branch, tag or commit, None for the newest.
        report: Told what is being done.

    Raises:
        ModelNotFound: There is no such model or revision, it asks for consent, or the hub cannot be reached.
    """
    report(f"Looking for {identity} on Hugging Face")
    with _explained(identity, revision):
        resolved = HfApi().resolve_revision(identity, revision=revision)
        # This fetches the listing of the commit too, unless it is here already.
        folder = fetch_files(identity, resolved, ["config.json"], total=0, present=0, report=report)
        try:
            files = get_cached_repo_tree(identity, revision=resolved)
            sizes = {file.path: file.size for file in files}
        except CachedRepoTreeNotFoundError:  # no connection, and fetched by an older huggingface_hub
            sizes = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    model = HubModel(identity, resolved, folder, sizes)
    fetch(model, [name for name in sizes if _small(name)], report)
    return model


def fetch(model: HubModel, names: Sequence[str], report: Reporter) -> None:
    """Fetches files of a model that are not here yet; without a connection what is here has to do.

    Args:
        model: Where they are.
        names: Their paths in the repository.
        report: Told the bytes; by raising `LoadingStopped` it ends the fetching.

    Raises:
        ModelNotFound: They ask for consent, or they are not here and the hub cannot be reached.
        ModelTooLarge: The disk has not enough room.
    """
    lacking = [name for name in names if not (model.folder / name).is_file()]
    if not lacking:
        return
    missing = sum(model.sizes[name] for name in lacking)
    _check_disk(model.identity, missing)
    total = sum(model.sizes[name] for name in names)
    with _explained(model.identity, model.revision):
        fetch_files(model.identity, model.revision, lacking, total=total, present=total - missing, report=report)


def _small(name: str) -> bool:
    if name.startswith("additional_chat_templates/"):
        return True
    wanted = "/" not in name and any(fnmatch(name, pattern) for pattern in SMALL_FILES)
    return wanted and not any(fnmatch(name, pattern) for pattern in _NEVER)


def _check_disk(identity: str, missing: int) -> None:
    place = Path(constants.HF_HUB_CACHE).expanduser()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if missing > free:
        raise ModelTooLarge(
            f"{identity} has {in_words(missing)} still to fetch, and the disk of {place} has {in_words(free)} free. "
            "Make room there, set HF_HOME to a larger disk, or choose a smaller model."
        )


@contextmanager
def _explained(identity: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's library raises into what happened and what to do."""
    try:
        yield
    except GatedRepoError as error:
        raise ModelNotFound(
            f"{identity} asks its users to accept terms first. Accept them on its page at huggingface.co, then log in "
            "here with `hf auth login` or set HF_TOKEN."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelNotFound(f"{identity} has no revision {revision!r}. Check it on huggingface.co.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelNotFound(
            f"Hugging Face has no model {identity!r} that you may see. Check the spelling; if it is private, log in "
            "with `hf auth login` or set HF_TOKEN."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionResolutionError) as error:
        raise ModelNotFound(
            f"{identity} is not, or not wholly, on this machine and Hugging Face cannot be reached. Connect and "
            "load it again, or give a folder."
        ) from error
    except httpx2.TransportError as error:
        raise ModelNotFound(
            f"The connection to Hugging Face broke while {identity} was fetched ({type(error).__name__}: {error}). "
            "Load it again: files fetched whole are kept."
        ) from error
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        raise ModelNotFound(
            f"The files of {identity} could not be fetched: {error}. Load it again later, or give a folder."
        ) from error
