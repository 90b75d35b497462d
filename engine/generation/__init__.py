"""Prompts, KV reuse, prefill and decode, sampling, detokenising."""
