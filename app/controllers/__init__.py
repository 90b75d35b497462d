"""Intent in, commands out, events applied."""
