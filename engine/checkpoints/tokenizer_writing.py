"""A tokenizer that Hearth writes: what the library saves, in the form that is read soonest."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

_TOKENIZER_NAME = "tokenizer.json"
_SETTINGS_NAME = "tokenizer_config.json"
# How a file was read is nothing that a reader of what was made of it should be told.
_ABOUT_READING = ("is_local", "local_files_only", "gguf_file")


def make_quick_to_read(folder: Path, saved: Tokenizer) -> None:
    """Rewrite the files that a tokenizer was saved as, so that reading them takes little more than half the time.

    Raises OSError.
    """
    content = json.loads((folder / _TOKENIZER_NAME).read_text(encoding="utf-8"))
    settings = json.loads((folder / _SETTINGS_NAME).read_text(encoding="utf-8"))
    for key in _ABOUT_READING:
        settings.pop(key, None)
    # Where they aren't told here, transformers looks for them in the file with the whole vocabulary.
    added = {str(token["id"]): {key: token[key] for key in token if key != "id"} for token in content["added_tokens"]}
    settings["added_tokens_decoder"] = added
    (folder / _SETTINGS_NAME).write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")
    quick = _with_short_merges(content)
    if _means(quick, saved):
        (folder / _TOKENIZER_NAME).write_text(quick, encoding="utf-8")


def _with_short_merges(content: dict[str, Any]) -> str:
    """Return the file without white space, each merge as one text: two of them in a list take the library twice as
    long.
    """
    merges = content["model"].get("merges")
    if not merges:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    short = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
    model = {**content["model"], "merges": short}
    return json.dumps({**content, "model": model}, ensure_ascii=False, separators=(",", ":"))


def _means(text: str, saved: Tokenizer) -> bool:
    """Return whether the text is read as the same tokenizer: parts with a space in them can't be told as one text."""
    try:
        return bool(Tokenizer.from_str(text).to_str() == saved.to_str())
    except Exception:  # the library's word for whatever it doesn't like
        return False
