"""Opens the tiers for a loaded model: how much each may hold, and what tells this model's KV from any other."""

import hashlib
import json
import re
import shutil
from importlib import metadata
from pathlib import Path

import torch
from transformers import PreTrainedConfig

from engine.api.plan import Plan
from engine.api.warmth import DEFAULT_DISK_BYTES, GIB, TierBudgets
from engine.hardware import faults
from engine.hardware.ram import read_ram
from engine.kv.disk import folder as disk_folder
from engine.kv.disk.file_reader import HANGS_SECONDS, FileReader, GivenUpError, Patience
from engine.kv.disk.tier import DiskTier
from engine.kv.memory_tier import MemoryTier, PinnedArena, on_device
from engine.kv.rates import Rates
from engine.kv.slab import KvSlab
from engine.kv.tiers import Tiers
from engine.kv.tree import PAGE_TOKENS

_FORMAT_VERSION = 1
# Those that compute, and the one that rounds weights to 8 and 4 bit.
_DECIDING_LIBRARIES = ("torch", "transformers", "bitsandbytes")
_LARGEST_RAM_BYTES = 4 * GIB
_LARGEST_DEVICE_BYTES = 8 * GIB
# Of what is free, so that others find room as well.
_SHARE = 4
_LONGEST_NAME = 40
_HASH_CHARACTERS = 16


def open_tiers(
    kv: KvSlab, plan: Plan, device: torch.device, fingerprint: str, budgets: TierBudgets, root: Path | None
) -> Tiers:
    """Return the tiers. root: the folder of all KV on disk; without it or a fingerprint nothing is kept there."""
    page_bytes = kv.page_layout(PAGE_TOKENS).size_bytes
    disk, rates = _open_disk(plan, fingerprint, budgets, root, page_bytes / PAGE_TOKENS)
    on_cuda = device.type == "cuda"
    ram_bytes = budgets.ram_bytes
    if ram_bytes is None:
        ram_bytes = int(min(read_ram().available_bytes // _SHARE, _LARGEST_RAM_BYTES))
    pins = on_cuda and page_bytes and ram_bytes >= page_bytes
    arena = PinnedArena(page_bytes, ram_bytes) if pins else None
    allocate = arena.allocate if arena is not None else on_device(torch.device("cpu"))
    beside = _device_bytes(budgets, plan, device) if on_cuda else 0
    return Tiers(
        MemoryTier(beside, on_device(device)) if beside else None,
        MemoryTier(ram_bytes, allocate),
        disk,
        rates,
        arena=arena,
        on_cuda=on_cuda,
    )


def _open_disk(
    plan: Plan, fingerprint: str, budgets: TierBudgets, root: Path | None, bytes_per_token: float
) -> tuple[DiskTier | None, Rates]:
    """Return the tier on disk, if there is one, and what was measured before; a disk that hangs isn't used."""

    def read_rates() -> Rates:
        return Rates(root, fingerprint, plan.name, bytes_per_token)

    if not fingerprint or root is None:
        return None, read_rates()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plan.name).strip("-.")[:_LONGEST_NAME] or "model"
    reader, folder = FileReader("kv-reader"), f"{name}-{fingerprint[:_HASH_CHARACTERS]}"
    try:
        rates, budget = reader.result(lambda _: (read_rates(), disk_bytes(budgets, root)), Patience(HANGS_SECONDS))
    except GivenUpError:
        disk = DiskTier(root, folder, fingerprint, DEFAULT_DISK_BYTES, reader)
        disk.problem = "could not be used (it doesn't answer)"
        return disk, Rates(None, fingerprint, plan.name, bytes_per_token)
    return DiskTier(root, folder, fingerprint, budget, reader), rates


def disk_bytes(budgets: TierBudgets, root: Path) -> int:
    """Return what all models together may have on disk: as wished, else 4 GiB but only a part of what is free."""
    if budgets.disk_bytes is not None:
        return budgets.disk_bytes
    used = sum(found.size_bytes for found in disk_folder.stored_files(root))
    place = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    free = shutil.disk_usage(place).free if place is not None else 0
    return min(DEFAULT_DISK_BYTES, (free + used) // _SHARE)


def fingerprint_of(
    source: str, plan: Plan, config: PreTrainedConfig, template: str, kv: KvSlab, attention: str, mode: str
) -> str:
    """Return a hash of everything that decides what KV looks like for some ids; empty if the source isn't known.

    source: what tells the weights from others.
    """
    if not source:
        return ""
    settings = config.to_dict()
    settings.pop("_name_or_path", None)
    # How much waits in main memory follows what other programs leave of the card, and changes no number.
    places = bool(plan.offloaded) or plan.device_map
    decisive = {
        "format": _FORMAT_VERSION,
        "source": source,
        "precision": [plan.precision, plan.quantization, plan.compute, plan.device, places],
        "config": settings,
        "tokenizer": plan.tokenizer_id,
        "template": template,
        "layout": repr(sorted(kv.page_layout(PAGE_TOKENS).places.items(), key=lambda named: named[0])),
        "kv": [mode, plan.kv_layout, attention],
        "versions": [_version(name) for name in _DECIDING_LIBRARIES],
    }
    content = json.dumps(decisive, sort_keys=True, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:  # bitsandbytes: models in 16 bit do without
        return ""


def _device_bytes(budgets: TierBudgets, plan: Plan, device: torch.device) -> int:
    """Return what other conversations may take of the card beside slab, working space and reserve."""
    if budgets.device_bytes is not None:
        return budgets.device_bytes
    free = faults.free_bytes(device) - plan.parts.working_bytes - plan.parts.reserve_bytes
    return int(min(max(free, 0) // _SHARE, _LARGEST_DEVICE_BYTES))
