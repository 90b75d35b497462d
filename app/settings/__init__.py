"""One typed schema that drives file, validation and dialog; knows no Qt."""
