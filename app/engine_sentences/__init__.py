"""What the engine says, as patterns; made from its code by python -m tests.engine_sentences."""

from app.engine_sentences import checkpoints, decode, generation, hardware, hub, kv, lanes, planning, quantization

# fmt: off
PATTERNS: tuple[str, ...] = (*checkpoints.PATTERNS, *decode.PATTERNS, *generation.PATTERNS, *hardware.PATTERNS, *hub.PATTERNS, *kv.PATTERNS, *lanes.PATTERNS, *planning.PATTERNS, *quantization.PATTERNS)  # noqa: E501
