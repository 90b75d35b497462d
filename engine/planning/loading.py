"""How a checkpoint would be loaded: everything about it but the devices and the context window."""

from dataclasses import dataclass

from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, Precision

ELEMENT_BYTES = {Precision.FP32: 4, Precision.BF16: 2, Precision.FP16: 2}


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

    @property
    def slack_tokens(self) -> int | None:
        """What windowed layers keep beyond their window, None if all is kept."""
        return WINDOW_SLACK_TOKENS if self.kv_layout is KvLayout.WINDOWED else None
