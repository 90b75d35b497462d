"""The PySide6 program: conversations, settings and everything that is seen; it never imports torch."""
