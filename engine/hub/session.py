"""The one way to the Hub: an HTTP client per way of reaching it, and the rules for the token and for being offline.

huggingface_hub keeps one client for the whole process, retries for up to half a minute, and reads its endpoint and its
offline switch at import; so requests are made here, and only its names for failures are used.
"""

import json
import os
import ssl
import threading
import time
import urllib.request
import weakref
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._http import hf_raise_for_status
from huggingface_hub.utils._validators import validate_repo_id

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.http_library import httpx2
from engine.hub.recent import RecentAnswers

PUBLIC_ENDPOINT = "https://huggingface.co"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
_LONGEST_ANSWER = 4  # times the patience
_LARGEST_ANSWER_BYTES = 64 * 2**20
_MOST_CONNECTIONS = 64
_MOST_SESSIONS = 4
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_TRUE_WORDS = frozenset({"1", "on", "yes", "true"})
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
Params = Mapping[str, str | int | list[str]]


class NoHubAnswer(ValueError):
    """Something answered in place of the Hub. is_page: with a page for people, as networks with a login do."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__("a web page instead of an answer" if is_page else "an answer that makes no sense")
        self.is_page = is_page


class HubSession:
    """Requests to the Hub with one HubAccess. Any thread; its connections are closed with the last reference to it."""

    def __init__(self, access: HubAccess) -> None:
        self.access = access
        self.endpoint = endpoint_of(access)
        _refuse_bad_endpoint(self.endpoint)
        _refuse_bad_token(self.endpoint, access.token)
        self._certificates = _certificates(access)
        self.client = _client(access, self._certificates)
        self.recent = RecentAnswers()
        weakref.finalize(self, self.client.close).atexit = False

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers for a request to url; the token is among them only if url is on the endpoint itself.

        httpx2 takes the token out again when a redirect leads to another server, or from https to http.
        """
        found = {"User-Agent": "hearth", "Accept-Encoding": "identity"}
        if self.access.token and _origin(url) == _origin(self.endpoint):
            found["Authorization"] = f"Bearer {self.access.token}"
        return found

    def get(
        self,
        path: str,
        params: Params | None = None,
        cancellation: CancellationToken | None = None,
        patience_seconds: float = ANSWER_SECONDS,
        most_bytes: int = _LARGEST_ANSWER_BYTES,
    ) -> httpx2.Response:
        """Return the whole answer to a small question, path below the endpoint. One try, redirects followed.

        patience_seconds: how long the server may be silent. Raises what httpx2 and huggingface_hub raise
        (failures.explained makes a sentence of it), NoHubAnswer for an endless answer, and Cancelled.
        """
        url = f"{self.endpoint}{path}"
        end = time.monotonic() + patience_seconds * _LONGEST_ANSWER
        timeout = httpx2.Timeout(patience_seconds, connect=min(patience_seconds, CONNECT_SECONDS))
        with self.client.stream(
            "GET", url, params=params, headers=self.headers(url), timeout=timeout, follow_redirects=True
        ) as response:
            body = bytearray()
            for block in response.iter_bytes():
                body += block
                if cancellation is not None:
                    cancellation.raise_if_cancelled()
                if len(body) > most_bytes or time.monotonic() > end:
                    raise NoHubAnswer(is_page=False)
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _BODY_HEADERS]
        answer = httpx2.Response(
            response.status_code, headers=headers, content=bytes(body), request=response.request,
            history=response.history,
        )  # fmt: skip
        hf_raise_for_status(answer)
        return answer

    def ask(
        self,
        path: str,
        params: Params | None = None,
        cancellation: CancellationToken | None = None,
        patience_seconds: float = ANSWER_SECONDS,
    ) -> object:
        """Return the JSON of an answer. Raises as get does, and NoHubAnswer for one that is no JSON."""
        answer = self.get(path, params, cancellation, patience_seconds)
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise NoHubAnswer(is_page=answer.content.lstrip()[:1] == b"<") from error

    def own_client(self) -> httpx2.Client:
        """Return a client that reaches the Hub the same way, with connections of its own; the caller closes it."""
        return _client(self.access, self._certificates)

    def file_url(self, hub_id: str, revision: str, path: str) -> str:
        """Return the address of a file of a repository; raises HFValidationError for what can be no id."""
        return f"{self.endpoint}/{repository_path(hub_id)}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def page_url(self, hub_id: str) -> str:
        """Return the address of a model's page for people; raises HFValidationError for what can be no id."""
        return f"{self.endpoint}/{repository_path(hub_id)}"


_TIMEOUT = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)


def endpoint_of(access: HubAccess) -> str:
    """Return the address of the Hub without a slash at its end: the mirror's, what HF_ENDPOINT says, or the Hub's."""
    return (access.endpoint.strip() or os.environ.get("HF_ENDPOINT", "").strip() or PUBLIC_ENDPOINT).rstrip("/")


def proxy_of(access: HubAccess) -> str:
    """Return the address of the proxy that leads to the endpoint, empty if none does."""
    if access.proxy.strip():
        proxy = access.proxy.strip()
        return proxy if "://" in proxy else f"http://{proxy}"
    address = urlsplit(endpoint_of(access))
    proxies = urllib.request.getproxies()
    found = proxies.get(address.scheme) or proxies.get("all") or ""
    return "" if not found or urllib.request.proxy_bypass(address.hostname or "") else found


def is_offline(access: HubAccess) -> bool:
    """Return whether no request may be made: by the settings, or by what the environment says."""
    return access.offline or any(os.environ.get(name, "").lower() in _TRUE_WORDS for name in _OFFLINE_VARIABLES)


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
    if is_offline(access):
        raise EngineError(
            ErrorKind.OFFLINE,
            "Hearth is set to work offline, so the Hub is not asked.",
            "Switch “Work offline” off in the settings."
            if access.offline
            else "Start Hearth without the offline switch (HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE) to ask it.",
        )
    with _lock:
        found = _sessions.pop(access, None)
        _sessions[access] = found = found or HubSession(access)
        while len(_sessions) > _MOST_SESSIONS:  # the one that was used longest ago
            del _sessions[next(iter(_sessions))]
        return found


def _origin(url: str) -> tuple[str, str, int | None]:
    address = urlsplit(url)
    return address.scheme, address.hostname or "", address.port


def _refuse_bad_endpoint(endpoint: str) -> None:
    try:
        address = urlsplit(endpoint)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        usable = usable and not address.query and not address.fragment and not any(map(str.isspace, endpoint))
    except ValueError:
        usable = False
    if not usable:
        raise _unusable("The address of the Hub is no web address.", "It has to look like https://huggingface.co")
    if "@" in address.netloc:
        raise _unusable(
            "The address of the Hub has a name or a password in it.", "Enter the access token in its own field"
        )


def _refuse_bad_token(endpoint: str, token: str) -> None:
    # The library would put a token that fits no header into the message of its exception.
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise EngineError(
            ErrorKind.TOKEN_NEEDED,
            "The access token is damaged: it has signs in it that no access token has.",
            "Copy it again from the page that shows it, and enter it once more.",
            link=tokens_page(endpoint),
        )
    address = urlsplit(endpoint)
    if token and address.scheme != "https" and address.hostname not in _LOOPBACK_HOSTS:
        raise _unusable(
            "The access token is not sent over an unencrypted connection.",
            "Use an https:// address for the Hub, or remove the token",
        )


def tokens_page(endpoint: str) -> str:
    """Return the address of the page where access tokens are made."""
    return f"{endpoint}/settings/tokens"


def _certificates(access: HubAccess) -> ssl.SSLContext:
    try:
        context = httpx2.create_ssl_context()
        if access.certificates.strip():
            context.load_verify_locations(access.certificates.strip())
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise _unusable(
            "The file with certificates can't be used.", "Choose a file in PEM format", str(error)
        ) from error
    return context


def _client(access: HubAccess, certificates: ssl.SSLContext) -> httpx2.Client:
    try:
        if access.proxy.strip() and not urlsplit(proxy_of(access)).hostname:
            raise ValueError("no host")
        return httpx2.Client(
            proxy=proxy_of(access) if access.proxy.strip() else None,  # else httpx2 asks the environment itself
            verify=certificates,
            timeout=_TIMEOUT,
            limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS),
        )
    except ImportError as error:
        raise _unusable(
            "A SOCKS proxy needs the Python package socksio, which is not installed.",
            "Enter the address of an HTTP proxy",
        ) from error
    except (ValueError, httpx2.InvalidURL):
        # The library's own message repeats the address, which may have a password in it.
        raise _unusable(
            "The address of the proxy can't be used.", "It has to look like http://proxy.example:8080"
        ) from None


def _unusable(message: str, hint: str, details: str = "") -> EngineError:
    return EngineError(ErrorKind.INVALID_COMMAND, message, f"{hint}; correct it in the settings.", details)
