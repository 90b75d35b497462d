"""What crosses into the engine. A command holds all it needs and ends in exactly one terminal event.

Cancel and Shutdown are control messages: they have no event of their own.
"""

import msgspec

from engine.api.message import PromptMessage
from engine.api.plan import PrecisionChoice
from engine.api.sampling import PositiveCount, Sampling


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    command_id: str


class LoadCheckpoint(_Message, frozen=True, tag="load_checkpoint"):
    """Load a checkpoint (Hub id in the cache, folder, GGUF file or `starter`); the model before it is unloaded."""

    checkpoint: str
    precision: PrecisionChoice = PrecisionChoice.AUTO
    context_tokens: PositiveCount | None = None
    device: str = "auto"


class UnloadCheckpoint(_Message, frozen=True, tag="unload_checkpoint"):
    """Free the loaded model and all KV that belongs to it."""


class Generate(_Message, frozen=True, tag="generate"):
    """Answer a conversation. With continue_last the last message is an assistant turn to be written on.

    started_at (seconds since the epoch) is the conversation's date: templates that print today's date get this
    one, so that the prompt's beginning stays the same tomorrow.
    """

    conversation_id: str
    message_id: str
    messages: tuple[PromptMessage, ...]
    sampling: Sampling = Sampling()
    continue_last: bool = False
    started_at: float = 0.0


class ForgetConversation(_Message, frozen=True, tag="forget_conversation"):
    """Drop the conversation's KV from every tier."""

    conversation_id: str


class DescribeHardware(_Message, frozen=True, tag="describe_hardware"):
    """Say what this machine has."""


class ListCheckpoints(_Message, frozen=True, tag="list_checkpoints"):
    """List what is usable on this computer. Runs on the transfer lane."""

    folders: tuple[str, ...] = ()


class DownloadCheckpoint(_Message, frozen=True, tag="download_checkpoint"):
    """Fetch a checkpoint from the Hub into the standard cache. Runs on the transfer lane."""

    checkpoint: str
    revision: str = "main"
    endpoint: str = ""
    token: str = ""


class Cancel(_Message, frozen=True, tag="cancel"):
    """Ask the command with this id to stop; counts even before that command has started."""


class Shutdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="shutdown"):
    """Cancel everything and exit."""


Command = (
    LoadCheckpoint
    | UnloadCheckpoint
    | Generate
    | ForgetConversation
    | DescribeHardware
    | ListCheckpoints
    | DownloadCheckpoint
)
Control = Cancel | Shutdown
Incoming = Command | Control
