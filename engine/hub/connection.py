"""Trying to reach the Hub, step by step: what a person has to look at is the first step that fails."""

import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import ConnectionStep, HubAccess
from engine.hub.answers import mapping, text
from engine.hub.failures import HUB_FAILURES, causes_of, explained
from engine.hub.http_library import httpx2
from engine.hub.session import HubSession, endpoint_of, is_offline, proxy_of, session_for
from engine.hub.waiting import awaited

# What a server may be silent for, and what a whole question may take, the name's lookup included; there are two.
_PATIENCE_SECONDS, _MOST_SECONDS = 6.0, 10.0
_NOT_FOUND = 404
_SETTINGS, _NAME, _CONNECTION, _ENCRYPTION = "Settings", "Name", "Connection", "Encryption"
_ANSWER, _TOKEN = "The Hub", "Access token"


def check_connection(access: HubAccess, cancellation: CancellationToken) -> tuple[ConnectionStep, ...]:
    """Return what was tried, each with a sentence; only the last one can have failed. Raises Cancelled."""
    return tuple(_steps(access, cancellation))


def _steps(access: HubAccess, cancellation: CancellationToken) -> Iterator[ConnectionStep]:
    try:
        session = session_for(access)
    except EngineError as error:
        yield _failed("Offline" if is_offline(access) else _SETTINGS, error)
        return
    yield _passed(_SETTINGS, f"The address is {endpoint_of(access)}.")
    try:
        answer = _asked(session, "/api/models?limit=1", cancellation)
        failure = None if isinstance(answer, list) else _no_list(session)
        reached = _ANSWER
    except HUB_FAILURES as error:
        failure, reached = explained(error, access=access), _reached(error, access)
    for name in _way(access):
        if name == reached and failure is not None:
            yield _failed(name, failure)
            return
        yield _passed(name, _success(name, access))
    if access.token:
        yield _token_step(session, cancellation)


def _way(access: HubAccess) -> list[str]:
    """Return the steps that a request takes. Names are looked up by the proxy where there is one."""
    address = urlsplit(endpoint_of(access))
    has_name = not proxy_of(access) and not _is_number(address.hostname or "")
    return [
        *([_NAME] if has_name else []),
        _CONNECTION,
        *([_ENCRYPTION] if address.scheme == "https" else []),
        _ANSWER,
    ]


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reached(error: BaseException, access: HubAccess) -> str:
    """Return the step at which a request failed."""
    causes = list(causes_of(error))
    if _NAME in _way(access) and any(isinstance(cause, socket.gaierror) for cause in causes):
        return _NAME
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return _ENCRYPTION
    if any(isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError) for cause in causes):
        return _CONNECTION
    return _ANSWER


def _success(name: str, access: HubAccess) -> str:
    host = urlsplit(endpoint_of(access)).hostname
    if name == _NAME:
        return f"The name {host} is known."
    if name == _CONNECTION:
        through = " through the proxy" if proxy_of(access) else ""
        return f"{host} was reached{through}."
    return "Its certificate is in order." if name == _ENCRYPTION else "It answers as the Hub does."


def _token_step(session: HubSession, cancellation: CancellationToken) -> ConnectionStep:
    try:
        answer = mapping(_asked(session, "/api/whoami-v2", cancellation))
    except HUB_FAILURES as error:
        response = getattr(error, "response", None)
        if isinstance(response, httpx2.Response) and response.status_code == _NOT_FOUND:
            return _passed(_TOKEN, "This server can't tell whom it belongs to.")
        return _failed(_TOKEN, explained(error, access=session.access))
    name = text(answer, "name", "fullname")
    return _passed(_TOKEN, f"It is accepted and belongs to {name}." if name else "It is accepted.")


def _asked(session: HubSession, path: str, cancellation: CancellationToken) -> object:
    return awaited(lambda: session.ask(path, None, cancellation, _PATIENCE_SECONDS), cancellation, _MOST_SECONDS)


def _no_list(session: HubSession) -> EngineError:
    host = urlsplit(session.endpoint).hostname
    message = f"The server {host} gives answers that the Hub does not give."
    return EngineError(ErrorKind.NETWORK, message, "Check the address of the Hub in the settings.")


def _passed(name: str, words: str) -> ConnectionStep:
    return ConnectionStep(name=name, succeeded=True, words=words)


def _failed(name: str, error: EngineError) -> ConnectionStep:
    return ConnectionStep(name=name, succeeded=False, words=error.report.sentence())
