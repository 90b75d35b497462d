"""How one pass through the model is made quick without another result."""
