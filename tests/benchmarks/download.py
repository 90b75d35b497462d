"""Downloads measured: `python -m tests.benchmarks.download` against a plain streamed GET of the same file in turns.

With --faults a 200 MB file arrives under 200 kills, drops, stalls and wrong answers: how much was fetched twice? With
--costs what it costs to count blocks, to write them and to bring them to the disk.
"""

import argparse
import hashlib
import json
import mmap
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from tests.faults import download_trial
from tests.loopback_faults import RandomFaults
from tests.loopback_hub import COMMIT, LoopbackHub

_HUB_ID = download_trial.HUB_ID
_MEGABYTE = 10**6
_SPEED = (
    "{megabytes} MB, {turns} turns: plain GET with SHA-256 {plain_seconds:.3f} s, download {seconds:.3f} s, ratio of "
    "speeds {ratio:.3f} ({least:.3f} to {most:.3f}); processor time {plain_processor_seconds:.2f} s and "
    "{processor_seconds:.2f} s"
)
_FAULTS = (
    "{megabytes} MB under {faults} faults ({kills} killed, {others}) in {seconds:.0f} s: {what_arrived}, "
    "{sent_twice_bytes} bytes sent twice ({sent_twice_share:.2%}), {gave_up} runs gave up"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure downloads from this machine to itself.")
    parser.add_argument("--megabytes", type=int, default=0)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to work (else a temporary folder)")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--count", type=int, default=200, help="faults in all, a quarter of them kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve(arguments.serve)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        if arguments.costs:
            _measure_costs(folder)
            return
        found: dict[str, object] | dict[str, float]
        if arguments.faults:
            found = _measure_faults(folder, arguments.megabytes or 200, arguments.count, arguments.seed)
        else:
            found = _measure_speed(folder, arguments.megabytes or 1000, arguments.turns)
    sentence = _FAULTS if arguments.faults else _SPEED
    print(json.dumps(found, indent=1) if arguments.json else sentence.format(**found))


def _serve(published: Path) -> None:
    with LoopbackHub({_HUB_ID: published}) as hub:
        print(hub.endpoint, flush=True)
        sys.stdin.read()


def _measure_speed(folder: Path, megabytes: int, turns: int) -> dict[str, float]:
    """Return medians of seconds and of the ratio of speeds with its ends, and the processor's seconds."""
    published = download_trial.publish(folder / "published", megabytes * _MEGABYTE, 1)
    command = [sys.executable, "-m", "tests.benchmarks.download", "--serve", str(published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        endpoint = server.stdout.readline().strip()
        _plain(endpoint), _download(endpoint, folder / "warm-up")
        plain, ours, work = [], [], []
        for turn in range(turns):
            before = time.process_time()
            plain.append(_plain(endpoint))
            between = time.process_time()
            ours.append(_download(endpoint, folder / f"cache-{turn}"))
            work.append((between - before, time.process_time() - between))
            rates = [megabytes / seconds for seconds in (plain[-1], ours[-1])]
            print(
                f"turn {turn + 1}: plain GET {rates[0]:.0f} MB/s, download {rates[1]:.0f} MB/s",
                file=sys.stderr,
                flush=True,
            )
        server.stdin.close()
    ratios = [one / other for one, other in zip(plain, ours, strict=True)]
    return {
        "megabytes": megabytes, "turns": turns, "plain_seconds": statistics.median(plain),
        "seconds": statistics.median(ours), "ratio": statistics.median(ratios), "least": min(ratios),
        "most": max(ratios), "plain_processor_seconds": statistics.median(each[0] for each in work),
        "processor_seconds": statistics.median(each[1] for each in work),
    }  # fmt: skip


def _plain(endpoint: str) -> float:
    digest, started = hashlib.sha256(), time.perf_counter()
    with (
        httpx2.Client() as client,
        client.stream("GET", f"{endpoint}/{_HUB_ID}/resolve/{COMMIT}/{download_trial.WEIGHTS}") as response,
    ):
        for block in response.iter_raw():
            digest.update(block)
    digest.hexdigest()
    return time.perf_counter() - started


def _download(endpoint: str, cache: Path) -> float:
    import shutil

    from huggingface_hub import constants

    from engine.api.cancellation import CancellationToken
    from engine.api.hub import HubAccess
    from engine.hub.download import download

    constants.HF_HUB_CACHE = str(cache)
    started = time.perf_counter()
    download(_HUB_ID, "main", HubAccess(endpoint=endpoint), CancellationToken(), lambda _: None)
    seconds = time.perf_counter() - started
    shutil.rmtree(cache)
    return seconds


def _measure_faults(folder: Path, megabytes: int, count: int, seed: int) -> dict[str, object]:
    """Return what was done to the download and what came of it."""
    size = megabytes * _MEGABYTE
    published = download_trial.publish(folder / "published", size, seed)
    kills = count // 4
    faults = RandomFaults(seed, count - kills, every_bytes=int(size / count), stall_seconds=8)
    trial = download_trial.run(published, folder / "cache", kills, faults, kill_every_bytes=int(size / kills / 1.5))
    blob = next((folder / "cache").glob("*/snapshots/*/model.safetensors"))
    same = blob.read_bytes() == (published / download_trial.WEIGHTS).read_bytes()
    return {
        "megabytes": megabytes, "faults": trial.fault_count, "kills": trial.kills,
        "others": ", ".join(f"{number} {kind}" for kind, number in trial.faults.items()), "seconds": trial.seconds,
        "what_arrived": "bit-exact" if same else "NOT THE SAME", "sent_twice_bytes": trial.sent_bytes - size,
        "sent_twice_share": trial.fetched_again, "gave_up": trial.failures,
    }  # fmt: skip


def _measure_costs(folder: Path) -> None:
    block, count = os.urandom(64 * 1024), 4000
    handle = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
    counters = os.open(folder / "counters", os.O_RDWR | os.O_CREAT)
    os.pwrite(counters, bytes(2**16), 0)
    mapped = mmap.mmap(counters, 2**16)
    for name, work in {
        "write 64 KiB (pwrite)": lambda number: os.pwrite(handle, block, number * len(block)),
        "write it again": lambda number: os.pwrite(handle, block, number * len(block)),
        "count it (pwrite of 4 bytes)": lambda number: os.pwrite(counters, b"abcd", number * 4),
        "count it (mapped memory)": lambda number: struct.pack_into("<I", mapped, number * 4, number),
        "hash it (SHA-256)": lambda _: hashlib.sha256(block),
    }.items():
        started = time.perf_counter()
        for number in range(count):
            work(number)
        print(f"{name}: {(time.perf_counter() - started) / count * 1e6:.2f} us")
    started = time.perf_counter()
    os.fsync(handle)
    print(f"fsync after {count * len(block) / 1e6:.0f} MB: {time.perf_counter() - started:.3f} s")
    for handle_of in (handle, counters):
        os.close(handle_of)


if __name__ == "__main__":
    main()
