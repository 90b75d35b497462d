"""Which model answers: the button above the page, its menu, and how full the memory is."""
