"""The inference process: it knows tokens, memory and disks, and has never heard of a window."""
