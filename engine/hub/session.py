"""The one way to the Hub: an HTTP client per way of reaching it, and the rules for the token and for being offline.

huggingface_hub keeps one client for the whole process, retries for up to half a minute, and reads its endpoint and its
offline switch at import; so requests are made here, and its classes only read the answers.
"""

import os
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._http import hf_raise_for_status
from huggingface_hub.utils._validators import validate_repo_id

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
_MOST_CONNECTIONS = 64
_MOST_SESSIONS = 4
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_TRUE_WORDS = frozenset({"1", "on", "yes", "true"})


class HubSession:
    """Requests to the Hub with one HubAccess. Any thread; lives until the process ends or the access is replaced."""

    def __init__(self, access: HubAccess) -> None:
        self.access = access
        self.endpoint = (access.endpoint or constants.ENDPOINT).rstrip("/")
        _refuse_bad_endpoint(self.endpoint)
        _refuse_leaking_token(self.endpoint, access.token)
        self.client = _client(access)

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers for a request to url; the token is among them only if url is on the endpoint itself."""
        found = {"User-Agent": "hearth", "Accept-Encoding": "identity"}
        if self.access.token and _origin(url) == _origin(self.endpoint):
            found["Authorization"] = f"Bearer {self.access.token}"
        return found

    def get(self, path: str, params: Mapping[str, str | int | list[str]] | None = None) -> httpx2.Response:
        """Return the whole answer to a small question, path below the endpoint. One try, redirects followed.

        Raises what httpx2 and huggingface_hub raise (failures.explained makes a sentence of it).
        """
        url = f"{self.endpoint}{path}"
        response = self.client.get(
            url, params=params, headers=self.headers(url), timeout=ANSWER_SECONDS, follow_redirects=True
        )
        hf_raise_for_status(response)
        return response

    def file_url(self, hub_id: str, revision: str, path: str) -> str:
        """Return the address of a file of a repository; raises HFValidationError for what can be no id."""
        return f"{self.endpoint}/{repository_path(hub_id)}/resolve/{quote(revision, safe='')}/{quote(path)}"


def repository_path(hub_id: str) -> str:
    """Return the id as a part of an address; raises HFValidationError for what can be no id."""
    validate_repo_id(hub_id)
    if hub_id.count("/") > 1:
        raise HFValidationError(hub_id)
    return quote(hub_id)


_lock = threading.Lock()
_sessions: dict[HubAccess, HubSession] = {}


def session_for(access: HubAccess) -> HubSession:
    """Return the session for this access.

    Raises EngineError: OFFLINE if no request may be made, INVALID_COMMAND for an address, proxy or certificate file
    that can't be used or a token that would travel unencrypted.
    """
    if access.offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE_WORDS:
        raise EngineError(
            ErrorKind.OFFLINE,
            "Hearth is set to work offline, so the Hub is not asked.",
            "Switch “Work offline” off in the settings.",
        )
    with _lock:
        found = _sessions.get(access)
        if found is None:
            found = _sessions[access] = HubSession(access)
            while len(_sessions) > _MOST_SESSIONS:  # a client in use goes on; it is closed with its last reference
                del _sessions[next(iter(_sessions))]
        return found


def _origin(url: str) -> tuple[str, str, int | None]:
    address = urlsplit(url)
    return address.scheme, address.hostname or "", address.port


def _refuse_bad_endpoint(endpoint: str) -> None:
    try:
        address = urlsplit(endpoint)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            "The address of the Hub is no web address.",
            "It has to look like https://huggingface.co; correct it in the settings.",
        )


def _refuse_leaking_token(endpoint: str, token: str) -> None:
    address = urlsplit(endpoint)
    if token and address.scheme != "https" and address.hostname not in _LOOPBACK_HOSTS:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            "The access token is not sent over an unencrypted connection.",
            "Use an https:// address for the Hub, or remove the token.",
        )


def _client(access: HubAccess) -> httpx2.Client:
    context = ssl.create_default_context()
    if access.certificates:
        try:
            context.load_verify_locations(access.certificates)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise EngineError(
                ErrorKind.INVALID_COMMAND,
                "The file with certificates can't be used.",
                "Choose a file in PEM format in the settings.",
                str(error),
            ) from error
    try:
        return httpx2.Client(
            proxy=access.proxy or None,
            verify=context,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS),
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            "The address of the proxy can't be used.",
            "It has to look like http://proxy.example:8080; correct it in the settings.",
            str(error),
        ) from error
