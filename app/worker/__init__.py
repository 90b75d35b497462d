"""The engine process and the one thread that talks to it."""
