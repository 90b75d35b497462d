"""Weights on disk: found, judged, converted, loaded."""
