"""One typed schema that drives file, validation, dialog and documentation; knows no Qt."""
