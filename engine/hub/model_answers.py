"""What the Hub answers about one model: its description with file sizes, its configuration, its branches."""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.hub.answers import items, mapping, text
from engine.hub.description import hub_id_of
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.fitness import top_names
from engine.hub.session import ANSWER_SECONDS, HubSession, NoHubAnswer, repository_path

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONFIG_NAME = "config.json"
_LARGEST_CONFIG_BYTES = 4 * 2**20
_MOST_REVISIONS = 200
_ASKS_FOR_MORE = (ErrorKind.TOKEN_NEEDED, ErrorKind.TERMS_NOT_ACCEPTED, ErrorKind.CHECKPOINT_NOT_FOUND)


def model_of(
    session: HubSession,
    hub_id: str,
    revision: str,
    cancellation: CancellationToken,
    patience_seconds: float = ANSWER_SECONDS,
    *,
    may_be_recent: bool = False,
) -> Mapping[str, object]:
    """Return the Hub's description of a model with the sizes of its files; its id is that of hub_id_of(answer).

    may_be_recent: what was answered in the last minutes will do. Raises EngineError (CHECKPOINT_NOT_FOUND,
    TOKEN_NEEDED, NETWORK, ...) and Cancelled.
    """
    if may_be_recent and (known := mapping(session.recent.get(("model", hub_id, revision)))):
        return known
    try:
        path = f"/api/models/{repository_path(hub_id)}"
        if revision:
            path += f"/revision/{quote(revision, safe='')}"
        answer = mapping(session.ask(path, {"blobs": "true"}, cancellation, patience_seconds))
        if not answer:
            raise NoHubAnswer(is_page=False)
    except HUB_FAILURES as error:
        raise explained(error, hub_id, session.access) from error
    found = answer if hub_id_of(answer) else {**answer, "id": hub_id}
    for name in {revision, text(found, "sha")}:
        session.recent.put(("model", hub_id, name), found)
    return found


def config_of(
    session: HubSession,
    item: Mapping[str, object],
    cancellation: CancellationToken,
    patience_seconds: float = ANSWER_SECONDS,
) -> Mapping[str, object] | None:
    """Return a model's config.json, None if it has none, if it is damaged, or if not everyone may read it.

    Raises EngineError (NETWORK, ...) and Cancelled.
    """
    names = top_names(item)
    if names is not None and _CONFIG_NAME not in names:
        return None
    try:
        content = config_text(session, hub_id_of(item), text(item, "sha") or "main", cancellation, patience_seconds)
    except EngineError as error:
        if error.report.kind in _ASKS_FOR_MORE:
            return None
        raise
    try:
        return mapping(json.loads(content)) or None
    except (ValueError, RecursionError):
        return None


def config_text(
    session: HubSession,
    hub_id: str,
    revision: str,
    cancellation: CancellationToken,
    patience_seconds: float = ANSWER_SECONDS,
) -> bytes:
    """Return the content of a model's config.json as it is published, which never changes at a commit.

    Raises EngineError and Cancelled.
    """
    key = ("config", hub_id, revision)
    if _COMMIT.fullmatch(revision) and isinstance(known := session.recent.get(key), bytes):
        return known
    try:
        path = f"/{repository_path(hub_id)}/resolve/{quote(revision, safe='')}/{_CONFIG_NAME}"
        content = session.get(path, None, cancellation, patience_seconds, most_bytes=_LARGEST_CONFIG_BYTES).content
    except HUB_FAILURES as error:
        raise explained(error, hub_id, session.access) from error
    session.recent.put(key, content)
    return content


def revisions_of(session: HubSession, hub_id: str, cancellation: CancellationToken) -> tuple[str, ...]:
    """Return the names of the branches and tags, main first; only main if the Hub doesn't tell. Raises Cancelled."""
    try:
        answer = mapping(session.ask(f"/api/models/{repository_path(hub_id)}/refs", None, cancellation))
    except HUB_FAILURES:
        answer = {}
    entries = (*items(answer.get("branches")), *items(answer.get("tags")))
    names = dict.fromkeys(name for entry in entries[:_MOST_REVISIONS] if (name := text(mapping(entry), "name")))
    return tuple(sorted(names or ["main"], key=lambda name: name != "main"))
