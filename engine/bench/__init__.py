"""What this machine reaches, against its own limits."""
