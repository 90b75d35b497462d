"""What screen readers are told, and where Tab goes."""
