"""Every action as a line of a table, its keys, and the dialog in which they are chosen."""
