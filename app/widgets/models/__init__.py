"""The page of models: found on the Hub, on this computer, being downloaded; and the page of the first start."""
