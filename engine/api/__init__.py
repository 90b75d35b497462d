"""All that the app may import from the engine: plain frozen values, without torch and without Qt."""
