"""How INT8 and INT4 weights are made, stored and multiplied with; what published quantised checkpoints need."""
