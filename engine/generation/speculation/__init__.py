"""Ids that are supposed to follow, checked in one pass through the model: faster where they often do."""
