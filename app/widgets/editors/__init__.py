"""Editors of plain text, and what is pasted and dropped into them."""
