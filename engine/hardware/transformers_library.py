"""transformers: imported with one look through its models instead of two."""

import importlib
from pathlib import Path
from typing import Any


def import_models() -> None:
    """Import transformers' package of models, which loads none of them yet.

    WORKAROUND transformers 5.23 (utils/import_utils.define_import_structure): to know what there is it reads the code
    of all models, and does so again when the package of models is imported, as that names the same folder by a file in
    it. That was a tenth of the engine's start. A version that works otherwise is imported as it is.
    """
    # The package has to be there first: by then it has looked once.
    utils: Any = importlib.import_module("transformers.utils.import_utils")
    look = getattr(utils, "create_import_structure_from_path", None)
    if look is None:
        return

    def look_once(path: str | Path) -> object:
        return look(Path(path).parent if Path(path).is_file() else path)

    utils.create_import_structure_from_path = look_once
    try:
        importlib.import_module(".models", "transformers")
    finally:
        utils.create_import_structure_from_path = look
