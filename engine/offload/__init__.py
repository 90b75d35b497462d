"""Weights that don't fit on a card wait in main memory: layers or their experts are copied, tables looked up."""
