"""The checkpoint's tokenizer with its chat template, and the identity that token ids are kept with."""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.files import CheckpointFiles, incomplete
from engine.checkpoints.safety import unbuildable

_VOCABULARY_FILES = (
    "tokenizer.json", "tokenizer.model", "spiece.model", "tekken.json", "vocab.json", "vocab.txt", "merges.txt",
    "added_tokens.json",
)  # fmt: skip
_IDENTITY_CHARACTERS = 16
_UNREADABLE = "its tokenizer cannot be read"
_TEMPLATES_FOLDER = "additional_chat_templates"
_Stamps = tuple[tuple[str, int, int, int], ...]


def load_tokenizer(files: CheckpointFiles) -> PreTrainedTokenizerBase:
    """Return the tokenizer with the publisher's chat template in chat_template.

    The last one is kept: the same model in another precision or with another window has it at once.
    Raises EngineError as read_tokenizer does, and NO_CHAT_TEMPLATE if there is no template.
    """
    try:
        written = tuple(sorted(_stamps(files.folder)))
    except OSError as error:
        raise incomplete(files, _UNREADABLE, repr(error)) from error
    tokenizer = _kept_tokenizer(files, written)
    tokenizer.chat_template = _chat_template(files, tokenizer)
    return tokenizer


def read_tokenizer(files: CheckpointFiles) -> PreTrainedTokenizerBase:
    """Return the tokenizer, whether or not it has a chat template.

    Raises EngineError: CHECKPOINT_INCOMPLETE if it is damaged, CHECKPOINT_UNSUPPORTED if only other software reads it.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    except ImportError as error:  # Mistral's tekken.json, which some of its models come with alone
        raise unbuildable(files, _UNREADABLE, error) from error
    except Exception as error:  # the libraries below raise anything from KeyError to a bare Exception for bad files
        raise incomplete(files, _UNREADABLE, repr(error)) from error
    return tokenizer


@lru_cache(maxsize=1)
def _kept_tokenizer(files: CheckpointFiles, _written: _Stamps) -> PreTrainedTokenizerBase:
    return read_tokenizer(files)


def _stamps(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Yield the files that a tokenizer may be read from, by name, and what tells that one was written since."""
    for place in (folder, folder / _TEMPLATES_FOLDER):
        for path in place.iterdir() if place.is_dir() else ():
            if path.is_file():
                found = path.stat()
                yield str(path), found.st_ino, found.st_size, found.st_mtime_ns


def mean_the_same(first: PreTrainedTokenizerBase, second: PreTrainedTokenizerBase) -> bool:
    """Return whether both give each id the same meaning: equal vocabularies and equal special ids."""
    return first.get_vocab() == second.get_vocab() and _special_ids(first) == _special_ids(second)


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    return {token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special}


def tokenizer_identity(folder: Path) -> str:
    """Return a hash of the vocabulary files: ids made by the same tokenizer mean the same text."""
    digest = hashlib.sha256()
    for name in _VOCABULARY_FILES:
        path = folder / name
        if path.is_file():
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:_IDENTITY_CHARACTERS]


def _chat_template(files: CheckpointFiles, tokenizer: PreTrainedTokenizerBase) -> str:
    template = tokenizer.chat_template
    if isinstance(template, dict):  # several named ones, as for tool use or retrieval
        template = template.get("default")
    if not template:
        template = _processor_template(files.folder)
    if isinstance(template, str) and template.strip():
        return template
    raise EngineError(
        ErrorKind.NO_CHAT_TEMPLATE,
        f"The model {files.name} does not say how a conversation is written for it (it has no chat template).",
        "Choose the chat or instruct version of this model.",
    )


def _processor_template(folder: Path) -> object:
    # Multimodal checkpoints keep it beside the processor, where the tokenizer does not look.
    try:
        content = json.loads((folder / "chat_template.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content.get("chat_template") if isinstance(content, dict) else None
