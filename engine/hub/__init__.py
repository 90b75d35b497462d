"""The Hugging Face Hub: what it has, how it is reached, downloads from it, and the cache they lie in."""
