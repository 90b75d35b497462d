"""Weights of a mixture's experts: found, stacked, packed, and multiplied with what a token chose."""
