"""Files that go with a message: their text is taken out in a small process of its own, within limits; knows no Qt."""
