"""LaTeX to drawings, in a process of its own; no Qt."""
