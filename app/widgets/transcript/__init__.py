"""The messages of a conversation, only as many widgets as can be seen, and finding in them."""
