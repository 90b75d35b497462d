"""Searching the Hub: one page of results for each task, then what the page leaves out, while there is time."""

import heapq
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic

from huggingface_hub.errors import BadRequestError

from engine.api.cancellation import CancellationToken
from engine.api.commands import SearchCheckpoints
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubCheckpoint, HubSort
from engine.hub.address import HubAddress, parse
from engine.hub.answers import count, items, mapping, seconds
from engine.hub.description import described, hub_id_of
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.model_answers import config_of, model_of
from engine.hub.session import ANSWER_SECONDS, HubSession, session_for

# Many models that chat are listed as ones that see pictures too, as they can do that as well.
_TASKS = ("text-generation", "image-text-to-text")
_EXPANDED = [
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf", "lastModified", "likes",
    "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags", "trendingScore",
]  # fmt: skip
_SORT_KEYS = {
    HubSort.TRENDING: "trendingScore", HubSort.DOWNLOADS: "downloads", HubSort.LIKES: "likes",
    HubSort.RECENT: "lastModified",
}  # fmt: skip
_DETAILS_SECONDS = 3.0
_AT_ONCE = 8
_LONGEST_TEXT = 200
_LOOK_SECONDS = 0.03
_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))
_NOT_SHOWN = frozenset({ErrorKind.CHECKPOINT_NOT_FOUND, ErrorKind.TOKEN_NEEDED})
_Item = Mapping[str, object]


@dataclass(frozen=True)
class Found:
    """Results in the order asked for; is_exact: the text named this one model."""

    results: tuple[HubCheckpoint, ...]
    is_exact: bool = False


def search(command: SearchCheckpoints, cancellation: CancellationToken) -> Found:
    """Return what the Hub has. Nothing found is no error, unless the text named one model or a page of the Hub.

    Raises EngineError (OFFLINE, NETWORK, TOKEN_NEEDED, CHECKPOINT_NOT_FOUND, INVALID_COMMAND) and Cancelled.
    """
    session = session_for(command.access)
    address = parse(command.text, session.endpoint)
    named: EngineError | None = None
    if address is not None and (address.is_link or "/" in address.hub_id):
        try:
            return Found((_exact(address, session, cancellation),), is_exact=True)
        except EngineError as error:
            if error.report.kind not in _NOT_SHOWN:
                raise
            named = error
    is_owner = named is not None and address is not None and address.is_link and "/" not in address.hub_id
    if named is not None and address is not None and address.is_link and not is_owner:
        raise named
    found = _listed(command, session, cancellation, owner=address.hub_id if is_owner and address else "")
    if named is not None and not found:
        raise named
    return Found(tuple(_filled(found, command, session, cancellation)))


def _exact(address: HubAddress, session: HubSession, cancellation: CancellationToken) -> HubCheckpoint:
    item = model_of(session, address.hub_id, address.revision, cancellation)
    config = config_of(session, item, cancellation)
    found = described(item, config)
    assert found is not None  # model_of sees to it
    return found


def _listed(
    command: SearchCheckpoints, session: HubSession, cancellation: CancellationToken, owner: str
) -> list[_Item]:
    """Return the Hub's answers for all tasks as one list, sorted as asked for. Raises EngineError and Cancelled."""
    with ThreadPoolExecutor(len(_TASKS), thread_name_prefix="search") as pool:
        pages = [pool.submit(_page, task, command, session, cancellation, owner) for task in _TASKS]
        first = pages[0].result()
        try:
            others = [page.result() for page in pages[1:]]
        except EngineError:  # the main task was answered
            others = []
    key = _SORT_KEYS[command.sort]

    def rank(item: _Item) -> float:
        return -(seconds(item, key) if key == "lastModified" else count(item, key))

    merged: dict[str, _Item] = {}
    for item in heapq.merge(first, *others, key=rank):
        merged.setdefault(hub_id_of(item), item)
    return [item for hub_id, item in merged.items() if hub_id][: command.limit]


def _page(
    task: str, command: SearchCheckpoints, session: HubSession, cancellation: CancellationToken, owner: str
) -> list[_Item]:
    words = "" if owner else " ".join(command.text.split())[:_LONGEST_TEXT]
    params: dict[str, str | int | list[str]] = {
        "pipeline_tag": task, "sort": _SORT_KEYS[command.sort], "direction": -1, "limit": command.limit,
    }  # fmt: skip
    if words:
        params["search"] = words
    if author := owner or command.author.strip():
        params["author"] = author
    if size := _size_range(command.least_parameters, command.most_parameters):
        params["num_parameters"] = size
    try:
        try:
            answer = session.ask("/api/models", {**params, "expand": _EXPANDED}, cancellation)
        except BadRequestError:  # a server that knows no choice of fields or sizes
            params.pop("num_parameters", None)
            answer = session.ask("/api/models", {**params, "full": "true", "config": "true"}, cancellation)
    except HUB_FAILURES as error:
        raise explained(error, access=session.access) from error
    return [item for each in items(answer) if (item := mapping(each))]


def _size_range(least: int | None, most: int | None) -> str:
    """Return a range of numbers of parameters as the Hub reads it, such as `min:6B,max:12B`."""
    limits = (("min", least), ("max", most))
    return ",".join(f"{name}:{_size(number)}" for name, number in limits if number)


def _size(number: int) -> str:
    return next((f"{number // unit}{letter}" for unit, letter in _UNITS if number % unit == 0), str(number))


def _filled(
    found: list[_Item], command: SearchCheckpoints, session: HubSession, cancellation: CancellationToken
) -> Iterator[HubCheckpoint]:
    """Yield the results with what one request more for each can tell, as far as it comes in time."""
    end = monotonic() + _DETAILS_SECONDS
    details: dict[str, HubCheckpoint] = {}
    has_ended = threading.Event()

    def fill(hub_id: str, item: _Item) -> None:
        if not has_ended.is_set() and (left := end - monotonic()) > 0:
            details[hub_id] = _looked_at(hub_id, item, session, cancellation, left)

    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="search")
    try:
        waiting = {pool.submit(fill, hub_id_of(item), item) for item in found}
        while waiting and monotonic() < end:
            cancellation.raise_if_cancelled()
            _, waiting = wait(waiting, _LOOK_SECONDS)
    finally:
        has_ended.set()
        pool.shutdown(wait=False, cancel_futures=True)
    for item in found:
        result = details.get(hub_id_of(item)) or described(item)
        if result is not None and _is_in_range(result, command):
            yield result


def _looked_at(
    hub_id: str, item: _Item, session: HubSession, cancellation: CancellationToken, left: float
) -> HubCheckpoint:
    """Return what file sizes and config.json say in addition; without them what the page of results said."""
    best = item
    patience = min(left, ANSWER_SECONDS)
    try:
        best = {**item, **model_of(session, hub_id, "", cancellation, patience, may_be_recent=True)}
        config = config_of(session, best, cancellation, patience)
    except EngineError:
        config = None
    found = described(best, config)
    assert found is not None  # the id was looked at before
    return found


def _is_in_range(result: HubCheckpoint, command: SearchCheckpoints) -> bool:
    """Servers may ignore the range; what has no known size is let through."""
    least, most = command.least_parameters or 0, command.most_parameters
    return not result.parameters or (result.parameters >= least and (most is None or result.parameters <= most))
