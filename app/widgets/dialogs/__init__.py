"""Windows before the window."""
