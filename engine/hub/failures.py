"""What went wrong between here and the Hub, in one sentence each; the libraries often hide the true cause."""

import errno
import socket
import ssl
from collections.abc import Iterator

from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.http_library import httpx2
from engine.hub.refusals import Asked, refusal
from engine.hub.session import NoHubAnswer, endpoint_of, proxy_of

HUB_FAILURES = (HfHubHTTPError, HFValidationError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, TypeError)
"""What a request, or an answer that makes no sense, may raise."""

_NOT_YET_VALID, _EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, ..._HAS_EXPIRED
_OTHER_NAME = (62, 63, 64)  # ..._HOSTNAME_MISMATCH, EMAIL, IP_ADDRESS
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_AGAIN = "Try again; what has arrived is kept."
_Sentence = tuple[ErrorKind, str, str]


def explained(error: BaseException, hub_id: str = "", access: HubAccess | None = None) -> EngineError:
    """Return the failure of a Hub call as one sentence, with the page that helps as its link.

    hub_id: the model that was asked for, empty for a question about none. access: how the Hub was reached; it lets
    links lead to the mirror and proxies be named. Neither the token nor a proxy's password is in what is returned.
    """
    access = access or HubAccess()
    chain = list(causes_of(error))
    for cause in chain:
        if isinstance(cause, EngineError):
            return cause
    details = _without_secrets(" <- ".join(f"{type(cause).__name__}: {cause}" for cause in chain), chain, access)
    for cause in chain:
        if isinstance(cause, HfHubHTTPError | httpx2.HTTPStatusError):
            # A redirect to another server was followed without the token.
            sent = (*(earlier.request for earlier in cause.response.history), cause.response.request)
            has_token = any("Authorization" in request.headers for request in sent)
            asked = Asked(hub_id, endpoint_of(access), has_token)
            kind, message, hint, link = refusal(cause.response, asked)
            return EngineError(kind, message, hint, details, link=link)
    for explain in (_explain_certificate, _explain_proxy, _explain_way, _explain_answer, _explain_rest):
        for cause in chain:
            if (found := explain(cause, hub_id, access)) is not None:
                return EngineError(*found, details)
    about = f"for {hub_id} " if hub_id else ""
    return EngineError(
        ErrorKind.NETWORK, f"What was asked {about}could not be had from the Hub.", "Try again later.", details
    )


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, outermost first."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _explain_certificate(error: BaseException, _hub_id: str, access: HubAccess) -> _Sentence | None:
    host = _host(endpoint_of(access))
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", 0)
        if code in (_NOT_YET_VALID, _EXPIRED):
            message = f"The certificate of {host} has expired, or is not valid yet."
            return ErrorKind.NETWORK, message, "Check the date and time of this computer."
        if code in _OTHER_NAME:
            message = f"Another server answers in place of {host}, so nothing was sent."
            return ErrorKind.NETWORK, message, "If this network has a login page, log in first; else check the address."
        message = f"The certificate of {host} is signed by an authority that this computer does not know."
        hint = "If your organisation checks connections, choose its certificates under “Certificates” in the settings."
        return ErrorKind.NETWORK, message, hint
    if isinstance(error, ssl.SSLError):
        message = f"No encrypted connection to {host} could be made."
        return ErrorKind.NETWORK, message, "Check the addresses of the Hub and of the proxy: https:// or http://."
    return None


def _explain_proxy(error: BaseException, _hub_id: str, access: HubAccess) -> _Sentence | None:
    proxy = proxy_of(access)
    if isinstance(error, httpx2.ProxyError):
        if "407" in str(error):
            message = "The proxy asks for a name and a password."
            return ErrorKind.NETWORK, message, "Enter its address as http://name:password@proxy.example:8080."
        return ErrorKind.NETWORK, f"The proxy {_host(proxy)} refuses the way to the Hub.", "Check the proxy's address."
    if proxy and isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        message = f"The Hub could not be reached: the proxy {_host(proxy)} does not answer."
        return ErrorKind.NETWORK, message, "Check its address in the settings, or remove it."
    return None


def _explain_way(error: BaseException, _hub_id: str, access: HubAccess) -> _Sentence | None:
    host = _host(endpoint_of(access))
    if isinstance(error, socket.gaierror):
        message = f"The Hub could not be reached: the name {host} is not known."
        return ErrorKind.NETWORK, message, "Check the internet connection and the address of the Hub."
    if isinstance(error, ConnectionRefusedError):
        message = f"The Hub could not be reached: {host} accepts no connection."
        return ErrorKind.NETWORK, message, "Check the address of the Hub, or try again later."
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        message = "The Hub could not be reached: there is no connection to the internet."
        return ErrorKind.NETWORK, message, "Connect this computer and try again."
    if isinstance(error, httpx2.ConnectTimeout):
        message = f"The Hub could not be reached: {host} did not answer in time."
        return ErrorKind.NETWORK, message, "Check the internet connection; a firewall may be in the way."
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return ErrorKind.NETWORK, f"The server {host} took too long to answer.", _AGAIN
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError | ConnectionError):
        return ErrorKind.NETWORK, "The connection to the Hub was lost.", _AGAIN
    if isinstance(error, httpx2.TooManyRedirects):
        return ErrorKind.NETWORK, f"The server {host} leads in a circle.", "Check the address of the Hub."
    return None


def _explain_answer(error: BaseException, hub_id: str, access: HubAccess) -> _Sentence | None:
    if isinstance(error, OfflineModeIsEnabled):
        return ErrorKind.OFFLINE, "Downloads are switched off (HF_HUB_OFFLINE is set).", "Unset it and try again."
    if isinstance(error, HFValidationError):
        message = f"“{hub_id}” can be no name of a model." if hub_id else "This can be no name of a model."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "A name looks like owner/name."
    if isinstance(error, NoHubAnswer) and error.is_page:
        message = "The network answered with a web page in place of the Hub; it probably asks for a login."
        return ErrorKind.NETWORK, message, "Open a web browser, log in to the network, and try again."
    if isinstance(error, NoHubAnswer | httpx2.DecodingError):
        message = f"The server {_host(endpoint_of(access))} gives answers that the Hub does not give."
        return ErrorKind.NETWORK, message, "Check the address of the Hub in the settings."
    return None


def _explain_rest(error: BaseException, hub_id: str, _access: HubAccess) -> _Sentence | None:
    if isinstance(error, httpx2.TransportError):
        message = "The Hub could not be reached."
        return ErrorKind.NETWORK, message, "Check the internet connection and try again."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ErrorKind.DISK, f"The disk is full, {hub_id} does not fit.", "Free some space and try again."
    if isinstance(error, PermissionError):
        return ErrorKind.DISK, "The folder for downloads cannot be written.", "Check its owner and permissions."
    return None


def _host(address: str) -> str:
    """Return host and port of an address, without the name and password that may stand before them."""
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2] or "huggingface.co"


def _without_secrets(text: str, chain: list[BaseException], access: HubAccess) -> str:
    secrets = {access.token, access.proxy.rpartition("@")[0].rpartition("://")[2].partition(":")[2]}
    for cause in chain:
        request = getattr(cause, "_request", None)  # the public property raises if there is none
        if isinstance(request, httpx2.Request):
            secrets.add(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
