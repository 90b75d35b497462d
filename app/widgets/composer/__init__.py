"""Where a message is written, with what waits to be answered and how full the context is."""
