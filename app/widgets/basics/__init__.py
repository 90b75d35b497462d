"""What the other rooms are made of: theme, fonts, icons, languages and mirroring, small widgets."""
