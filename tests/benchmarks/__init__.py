"""Benchmarks compute with threads that wait as the engine's do: those that look for work suffer from neighbours."""

import os

from app.worker.engine_process import SHORT_WAIT

os.environ.setdefault(*SHORT_WAIT)  # read when PyTorch is loaded, so before a benchmark imports it
