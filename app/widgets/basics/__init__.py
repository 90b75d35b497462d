"""What the other rooms are made of: theme, fonts, icons, small widgets, what screen readers are told."""
