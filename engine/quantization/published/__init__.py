"""Weights that a publisher packed: what the configuration says, whether they load here, how they are unpacked."""
