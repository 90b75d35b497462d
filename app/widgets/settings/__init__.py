"""Settings of the application, of a model, of a conversation."""
