"""What lies on this computer: listed with its size and last use, and deleted to the byte that was said."""
