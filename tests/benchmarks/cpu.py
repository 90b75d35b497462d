"""`python -m tests.benchmarks.cpu`: every benchmark that needs no graphics card, one after the other, into one file.

tests/benchmarks/results/cpu.json has what each of them found, on which machine and with which versions; the table of
numbers in the README is made of it (`python -m tests.numbers_table`). About 40 minutes; nothing else should run.
--only takes some of them and leaves the others' results, which must be of the same machine.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.hardware import machine

RESULTS = Path(__file__).parent / "results" / "cpu.json"
_THIS = "tests.benchmarks"
COMMANDS = {
    "warmth": (f"{_THIS}.warmth",),
    "generation": (f"{_THIS}.generation",),
    "prefill": ("app", "bench", "prefill"),
    "speculation": (f"{_THIS}.speculation",),
    "quantization": (f"{_THIS}.quantization",),
    "loading": (f"{_THIS}.loading", "--rounds", "3"),
    "download": (f"{_THIS}.download", "--megabytes", "500"),
    "faults": (f"{_THIS}.download", "--faults"),
    "window": (f"{_THIS}.window",),
    "lifecycle": (f"{_THIS}.lifecycle",),
    "store": (f"{_THIS}.store",),
}
# What the results of two runs must have in common to stand in one table.
_SAME = ("system", "cpu_name", "physical_cores", "cpu_features")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--only", nargs="+", choices=COMMANDS, metavar="NAME", help=", ".join(COMMANDS))
    options = arguments.parse_args()
    found = _earlier(options.out) if options.only else {}
    found["machine"] = _machine() | {"date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    results = found.setdefault("results", {})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in options.only or COMMANDS:
        started = time.monotonic()
        try:
            results[name] = _run(COMMANDS[name])
        except (subprocess.CalledProcessError, ValueError) as error:
            print(getattr(error, "stderr", ""), file=sys.stderr)
            failed.append(name)
        print(f"{name}: {time.monotonic() - started:.0f} s{' FAILED' if name in failed else ''}", flush=True)
        options.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _earlier(path: Path) -> dict[str, dict[str, object]]:
    if not path.exists():
        return {}
    found: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    now = _machine()
    if any(found["machine"][name] != now[name] for name in _SAME):
        sys.exit(f"{path} has results of another machine; leave --only out, or name another file with --out.")
    return found


def _machine() -> dict[str, object]:
    hardware = machine.describe(Path.cwd(), try_kernels=False, measure=False)
    names = (*_SAME, "ram_total_bytes", "versions")
    return {name: _plain(getattr(hardware, name)) for name in names}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _run(command: tuple[str, ...]) -> object:
    """Return what a benchmark printed as JSON; it has a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", *command, "--json"],
            env=os.environ | {"HEARTH_HOME": home},
            capture_output=True,
            check=True,
            text=True,
        )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
