"""Conversations to files and from files, those of other programs too; what is read is taken as hostile. No Qt."""
