"""Pictures of every state of the window: `python -m tests.screenshots` draws them, each area in a module of its own."""
