"""Markdown and code to safe rich text; pure functions without Qt."""
