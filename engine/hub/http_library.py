"""The HTTP library that huggingface_hub speaks with: httpx2 since its release 2, httpx before.

Hearth is installed with httpx2. The other one is for the tests and measurements of tests/gpu, on a machine that can't
be given another huggingface_hub.
"""

try:
    import httpx2
except ModuleNotFoundError:
    import httpx as httpx2  # type: ignore[import-not-found,no-redef]

__all__ = ["httpx2"]
