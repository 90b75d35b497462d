"""How a checkpoint would be loaded: everything about it but the devices and the context window."""

from dataclasses import dataclass
from enum import Enum, auto

from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, Precision

ELEMENT_BYTES = {Precision.FP32: 4, Precision.BF16: 2, Precision.FP16: 2}


class AttentionKernel(Enum):
    """What answers attention to a chunk of ids behind others, where it needs no mask: the quickest that a device has.

    FLASH shares key heads between query heads. EFFICIENT is given a copy for each of them. PROCESSOR shares them behind
    a mask too. ANY: what PyTorch finds, always with the mask.
    """

    FLASH = auto()
    EFFICIENT = auto()
    PROCESSOR = auto()
    ANY = auto()


@dataclass(frozen=True)
class Shape:
    """Formats of weights and of computing, what is kept of windowed layers, and ids that are read at once.

    interleaves: 4-bit weights are laid out for the CPU kernel, where their size allows it.
    """

    precision: Precision
    compute: Precision
    kv_layout: KvLayout = KvLayout.FULL
    chunk_tokens: int = 2048
    interleaves: bool = False
    attention: AttentionKernel = AttentionKernel.ANY

    @property
    def slack_tokens(self) -> int | None:
        """What windowed layers keep beyond their window, None if all is kept."""
        return WINDOW_SLACK_TOKENS if self.kv_layout is KvLayout.WINDOWED else None
