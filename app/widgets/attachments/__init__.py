"""Files that go with a message, as chips, and what is read of them."""
