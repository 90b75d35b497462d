"""What people paste when they mean a model on the Hub: ids, addresses of its pages and files, lines of code."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from engine.api.errors import EngineError, ErrorKind

_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"})
_LONGEST = 2000
# Quotes, brackets and full stops that stand around an address in running text, and marks that can't be seen.
_AROUND = " \t\r\n\v\f\"'`´“”„‘’«»<>()[]{},;!?\u200b\u200c\u200d\u2060\ufeff\xa0"
_REVISION_PAGES = frozenset({"tree", "blob", "resolve", "raw", "blame", "commit", "commits", "revision"})
_OTHER_KINDS = {"datasets": "a dataset", "spaces": "a Space", "buckets": "a bucket", "kernels": "a kernel"}
# Pages of the Hub's own site that stand where an owner's name stands in the address of a model.
_SITE_PAGES = frozenset({
    "api", "blog", "chat", "collections", "docs", "enterprise", "inference", "join", "languages", "learn",
    "login", "logout", "metrics", "models", "new", "notifications", "organizations", "papers", "posts",
    "pricing", "search", "settings", "tasks", "terms-of-service", "privacy",
})  # fmt: skip
_IN_CODE = re.compile(r"""from_pretrained\(\s*(?:\w+\s*=\s*)?["']([^"']+)["']""")
_REVISION_IN_CODE = re.compile(r"""revision\s*=\s*["']([^"']+)["']""")
_IN_COMMAND = re.compile(r"(?:^|\s)(?:download|clone|run|pull|serve|chat|ask|--model|-m|-hf|--hf-repo)[\s=]+(\S+)")
_REVISION_IN_COMMAND = re.compile(r"\s--revision[\s=]+(\S+)")
_REVISION = re.compile(r"\w[\w.+/-]{0,249}", re.ASCII)
_GIT_LOGIN = re.compile(r"^(?:ssh://)?git@([^:/]+)[:/]")
_SCHEME = re.compile(r"^(https?)://", re.IGNORECASE)


@dataclass(frozen=True)
class HubAddress:
    """A model on the Hub; revision is empty where none was named. is_link: it was an address, not a name alone."""

    hub_id: str
    revision: str = ""
    is_link: bool = False


def parse(text: str, endpoint: str = "") -> HubAddress | None:
    """Return the model that a pasted text names, None if it is words to search for or a path of this computer.

    endpoint: the address of a mirror, whose pages count like those of the Hub itself. A single word counts as a name,
    as some old models have no owner. Raises EngineError(INVALID_COMMAND) for the address of a dataset or a Space.
    """
    if len(text) > _LONGEST:
        return None
    if found := _IN_CODE.search(text):
        return _with_revision(_parse_one(_bare(found[1]), endpoint), _REVISION_IN_CODE.search(text))
    words = [bare for word in text.split() if (bare := _bare(word))]
    if len(words) == 1:
        return _parse_one(words[0], endpoint)
    for word in words:
        if (address := _parse_link(word, endpoint)) is not None:
            return _with_revision(address, _REVISION_IN_COMMAND.search(text))
    if found := _IN_COMMAND.search(text):
        address = _parse_one(_bare(found[1]), endpoint)
        if address is not None and "/" in address.hub_id:
            return _with_revision(address, _REVISION_IN_COMMAND.search(text))
    return None


def _with_revision(address: HubAddress | None, found: re.Match[str] | None) -> HubAddress | None:
    if address is None or found is None or address.revision:
        return address
    return _checked(address.hub_id, _bare(found[1]), is_link=address.is_link)


def _bare(text: str) -> str:
    return text.strip(_AROUND).rstrip(f"{_AROUND}.:/")


def _parse_one(text: str, endpoint: str) -> HubAddress | None:
    address = _parse_link(text, endpoint)
    if address is not None or _SCHEME.match(text):
        return address
    if text.startswith("hf://"):
        return _of_segments(_segments(text.removeprefix("hf://")))
    if text.startswith(("/", "~", ".")) or (text.count("/") > 1 and "@" not in text):
        return None
    hub_id, _, revision = text.partition("@")
    return _checked(hub_id, revision, is_link=False)


def _parse_link(text: str, endpoint: str) -> HubAddress | None:
    """Return what an address names, with or without https:// before it, None if it is none of the Hub's."""
    text = _GIT_LOGIN.sub(r"https://\1/", text)
    has_scheme = _SCHEME.match(text) is not None
    try:
        address = urlsplit(text if has_scheme else f"https://{text}")
        mirror = urlsplit(endpoint if _SCHEME.match(endpoint) else f"https://{endpoint}")
        place, mirror_place = (address.hostname or "", address.port), (mirror.hostname or "", mirror.port)
    except ValueError:
        return None
    segments = _segments(address.path)
    if endpoint and place == mirror_place:
        below = _segments(mirror.path)
        if segments[: len(below)] != below:
            return None
        segments = segments[len(below) :]
    elif place[0] not in _HOSTS:
        return None
    return _of_segments(segments)


def _segments(path: str) -> list[str]:
    return [part for each in path.split("/") if (part := unquote(each).strip(_AROUND))]


def _of_segments(segments: list[str]) -> HubAddress | None:
    if segments[:2] == ["api", "models"]:
        segments = segments[2:]
    kind = segments[1] if segments[:1] == ["api"] and len(segments) > 1 else segments[0] if segments else ""
    if kind in _OTHER_KINDS:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            f"This is the address of {_OTHER_KINDS[kind]}, not of a model.",
            "Paste the address of a model's page.",
        )
    if not segments or segments[0] in _SITE_PAGES:
        return None
    length = 1 if len(segments) > 1 and segments[1] in _REVISION_PAGES else 2
    name, rest = "/".join(segments[:length]), segments[length:]
    # `owner/name@revision`, and `owner/name:Q4_K_M` as programs for GGUF files write it.
    name, _, revision = name.partition("@")
    name = name.partition(":")[0].removesuffix(".git").rstrip(".")
    if not revision and len(rest) > 1 and rest[0] in _REVISION_PAGES:
        revision = "/".join(rest[1:4]) if rest[1] == "refs" else rest[1]  # refs/pr/1
    return _checked(name, revision, is_link=True)


def _checked(hub_id: str, revision: str, *, is_link: bool) -> HubAddress | None:
    try:
        validate_repo_id(hub_id)
    except HFValidationError:
        return None
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision or revision.endswith((".", "/"))):
        return None
    return HubAddress(hub_id, revision, is_link)
