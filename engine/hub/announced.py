"""Size and digest of a file as the headers of its address tell them, for servers whose lists leave them out."""

import re
from urllib.parse import urljoin

from huggingface_hub.utils._http import hf_raise_for_status

from engine.hub.session import HubSession, NoHubAnswer

_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
_LENGTH = re.compile(r"[0-9]{1,17}")
_MOST_REDIRECTS = 5


def is_digest(text: str) -> bool:
    """Return whether the text is a SHA-256 or SHA-1 in hex, and so may name a file of the cache."""
    return bool(_DIGEST.fullmatch(text))


def announced(session: HubSession, hub_id: str, commit: str, path: str) -> tuple[int, str]:
    """Return the bytes and the digest of a file of a repository.

    Raises what httpx2 and huggingface_hub raise, and NoHubAnswer where the headers tell no digest.
    """
    url = session.file_url(hub_id, commit, path)
    for _ in range(_MOST_REDIRECTS):
        response = session.client.head(url, headers=session.headers(url), follow_redirects=False)
        headers = response.headers
        tag = headers.get("X-Linked-ETag") or ""
        if response.is_redirect and not tag:  # a model that was renamed; storage knows no digest
            url = urljoin(url, headers.get("Location", ""))
            continue
        if not response.is_redirect:
            hf_raise_for_status(response)
        digest = (tag or headers.get("ETag") or "").removeprefix("W/").strip('"').lower()
        size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
        if not is_digest(digest) or not _LENGTH.fullmatch(size):
            break
        return int(size), digest
    raise NoHubAnswer(is_page=False)
