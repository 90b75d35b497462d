"""Memory arithmetic and the choice of precision; pure functions."""
