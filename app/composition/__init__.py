"""How the parts of the window are put together: each module builds one area and connects it to the window."""
