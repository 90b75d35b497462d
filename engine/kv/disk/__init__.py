"""The tier on disk: a folder that several processes share, read and written by threads that may hang without harm."""
