"""INT8 weights that are multiplied without being unpacked first: layers, vocabulary, and the choice of the product."""
