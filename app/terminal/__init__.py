"""What `hearth` does on a terminal: ask, chat, models, conversations, plan, bench, doctor; knows no Qt."""
