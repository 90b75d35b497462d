"""Weights that don't fit on a card wait in main memory: layers are copied when their turn comes, tables looked up."""
