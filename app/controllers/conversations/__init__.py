"""Which conversations there are, what is in them, and what becomes of them."""
