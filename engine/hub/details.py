"""All about one model on the Hub, before anything of it is downloaded."""

import shutil
from collections.abc import Mapping

from engine.api.cancellation import CancellationToken
from engine.api.commands import InspectCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubDetails, HubFile
from engine.hub.address import parse
from engine.hub.answers import items, mapping, text
from engine.hub.cache import cache_folder, repository_folder
from engine.hub.description import described, hub_id_of, wanted_files
from engine.hub.download.record import WantedFile, bytes_there
from engine.hub.model_answers import config_of, model_of, revisions_of
from engine.hub.session import session_for


def details_of(command: InspectCheckpoint, cancellation: CancellationToken) -> HubDetails:
    """Return the details of a model, at the revision that the command or the address in it names.

    Raises EngineError (CHECKPOINT_NOT_FOUND, TOKEN_NEEDED, OFFLINE, NETWORK, INVALID_COMMAND) and Cancelled.
    """
    session = session_for(command.access)
    address = parse(command.checkpoint, session.endpoint)
    if address is None:
        raise EngineError(
            ErrorKind.CHECKPOINT_NOT_FOUND,
            "This names no model on the Hub.",
            "A name looks like owner/name; the address of its page does as well.",
        )
    revision = command.revision.strip() or address.revision
    item = model_of(session, address.hub_id, revision, cancellation)
    config = config_of(session, item, cancellation)
    checkpoint = described(item, config)
    assert checkpoint is not None  # model_of sees to it
    files = _with_presence(item)
    hub_id = hub_id_of(item)
    names = revisions_of(session, hub_id, cancellation)
    return HubDetails(
        checkpoint=checkpoint,
        files=files,
        revisions=names if not revision or revision in names else (*names, revision),
        page=session.page_url(hub_id),
        missing_bytes=sum(file.size_bytes - file.present_bytes for file in files),
        disk_free_bytes=_free_bytes(),
        current_id=hub_id if hub_id != address.hub_id else "",
    )


def _with_presence(item: Mapping[str, object]) -> tuple[HubFile, ...]:
    """Return the files of a download, each with how much of it lies in the cache, whole or in part."""
    folder = repository_folder(hub_id_of(item))
    snapshot = folder / "snapshots" / (text(item, "sha") or "main")
    digests = {
        text(entry, "rfilename"): _digest(entry) for each in items(item.get("siblings")) if (entry := mapping(each))
    }
    found = []
    for file in wanted_files(item):
        digest = digests.get(file.path, "")
        there = bytes_there(folder / "blobs", WantedFile(file.path, file.size_bytes, digest)) if digest else 0
        try:  # where links can't be made the file itself lies in the snapshot
            if (snapshot / file.path).stat().st_size == file.size_bytes:
                there = file.size_bytes
        except (OSError, ValueError):
            pass
        found.append(HubFile(path=file.path, size_bytes=file.size_bytes, present_bytes=min(there, file.size_bytes)))
    return tuple(found)


def _digest(entry: Mapping[str, object]) -> str:
    digest = text(mapping(entry, "lfs"), "sha256", "oid") or text(entry, "blobId")
    return digest if digest.isalnum() else ""


def _free_bytes() -> int:
    """Return the free bytes of the disk that the cache is on or will be on, 0 if that can't be told."""
    folder = cache_folder()
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return 0
    return 0
