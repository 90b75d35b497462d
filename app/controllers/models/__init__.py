"""Models: on the Hub, on this computer, loaded."""
