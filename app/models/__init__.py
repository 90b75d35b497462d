"""Qt list models: what the widgets show."""
