"""What is seen; assembly and view state only."""
