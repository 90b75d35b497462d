"""The Hub as the app sees it: how it is reached, what was found there, and how a download goes."""

from enum import StrEnum

import msgspec


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


def _shown(address: str) -> str:
    before, at, place = address.rpartition("@")
    return f"***@{place}" if at and before else address


class HubAccess(_Value, frozen=True):
    """How the Hub is to be reached. Everything empty: the public Hub, as this computer's environment says.

    endpoint: address of a mirror. token: sent to that endpoint only. proxy: address of an HTTP or SOCKS proxy.
    certificates: path of a PEM file with further certificate authorities. offline: no request may be made at all.
    """

    endpoint: str = ""
    token: str = ""
    proxy: str = ""
    certificates: str = ""
    offline: bool = False

    def __repr__(self) -> str:
        """Show everything but the token and passwords in addresses, which must reach no log and no report."""
        token = "***" if self.token else ""
        return (
            f"HubAccess(endpoint={_shown(self.endpoint)!r}, token={token!r}, proxy={_shown(self.proxy)!r}, "
            f"certificates={self.certificates!r}, offline={self.offline})"
        )


class HubSort(StrEnum):
    """What search results are ordered by, highest or newest first."""

    TRENDING = "trending"
    DOWNLOADS = "downloads"
    LIKES = "likes"
    RECENT = "recent"


class Gating(StrEnum):
    """Whether the publisher asks for something before files may be downloaded."""

    OPEN = "open"
    TERMS = "terms"
    APPROVAL = "approval"


class HubCheckpoint(_Value, frozen=True):
    """A model on the Hub. Numbers of 0 and empty texts are not known.

    revision: the commit that was looked at. download_bytes: of the files that Hearth would fetch. context_tokens: what
    the model was trained for. quantization: how the publisher packed the weights (`4-bit GPTQ`), empty for 16 or 32
    bit. updated_at: seconds since the epoch. unusable: a sentence why Hearth can't use it, empty if it can.
    """

    hub_id: str
    revision: str = ""
    architecture: str = ""
    parameters: int = 0
    download_bytes: int = 0
    context_tokens: int = 0
    has_chat_template: bool | None = None
    quantization: str = ""
    license: str = ""
    gating: Gating = Gating.OPEN
    is_private: bool = False
    downloads: int = 0
    likes: int = 0
    updated_at: float = 0.0
    unusable: str = ""


class HubFile(_Value, frozen=True):
    """One file that a download would fetch; present_bytes of it are on this computer."""

    path: str
    size_bytes: int
    present_bytes: int = 0


class HubDetails(_Value, frozen=True):
    """All that can be said about a model before it is downloaded.

    revisions: branches and tags, the default first. page: its address for people. missing_bytes: what a download
    would fetch now. disk_free_bytes: on the disk that it would go to. current_id: its name now, if it was renamed.
    """

    checkpoint: HubCheckpoint
    files: tuple[HubFile, ...] = ()
    revisions: tuple[str, ...] = ()
    page: str = ""
    missing_bytes: int = 0
    disk_free_bytes: int = 0
    current_id: str = ""


class DownloadPhase(StrEnum):
    """What a download is busy with."""

    ASKING = "asking"
    RECEIVING = "receiving"
    WAITING = "waiting"
    VERIFYING = "verifying"


class ConnectionStep(_Value, frozen=True):
    """One thing that was tried on the way to the Hub; words say what came of it."""

    name: str
    succeeded: bool
    words: str
