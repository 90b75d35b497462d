"""What crosses into the engine. A command holds all it needs and ends in exactly one terminal event.

Cancel and Shutdown are control messages: they have no event of their own.
"""

from typing import Annotated

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


Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**56)]
Cards = Annotated[int, msgspec.Meta(ge=0, le=64)]
Capability = Annotated[int, msgspec.Meta(ge=0, le=99)]


class SupposedMachine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a plan is to suppose instead of what this computer has; None leaves what is here.

    cards: that many equal graphics cards of vram_bytes each, 0 for none. ram_bytes: main memory that is free.
    """

    cards: Cards | None = None
    vram_bytes: Bytes = 0
    compute_capability: tuple[Capability, Capability] = (8, 6)
    ram_bytes: Bytes | None = None


class PlanCheckpoint(_Message, frozen=True, tag="plan_checkpoint"):
    """Say how a checkpoint would be loaded, without loading it; what the loaded model holds counts as free.

    ask_hub: for a checkpoint that is not on this computer the Hub is asked for its configuration and the headers of
    its weights. Only that is done on a lane of its own; all else runs on the compute lane.
    """

    checkpoint: str
    precision: PrecisionChoice = PrecisionChoice.AUTO
    context_tokens: PositiveCount | None = None
    device: str = "auto"
    supposed: SupposedMachine | None = None
    ask_hub: bool = False
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
    | PlanCheckpoint
)
Control = Cancel | Shutdown
Incoming = Command | Control
