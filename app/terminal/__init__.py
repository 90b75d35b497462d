"""ask and chat for people on a terminal; knows no Qt."""
