"""How INT8 and INT4 weights are made, stored and multiplied with; what published quantised checkpoints need."""

import logging

# WORKAROUND bitsandbytes 0.50: on import it warns that a kernel from the network is missing, which nobody asked for.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
