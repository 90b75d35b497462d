"""The set-up behind ``python3 start.py``: brings ``.venv`` up to date if need be, then opens the app or runs the tests.

Standard library only. On a machine that is set up this costs a few file reads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import qt_libraries
import setup_lock
import setup_stamp
import torch_builds
from setup_console import Console, SetUpError
from setup_stamp import Condition, Wanted
from virtual_environment import VirtualEnvironment, clean_environment

USAGE = """usage: python3 start.py [--repair] [--setup | --test] [arguments]

Sets Hearth up in this folder if need be, and opens it. Arguments go to Hearth: python3 start.py ask "Hello"

  --test    set up with the test tools and run the test suite; arguments go to pytest (-n 0: in one process)
  --setup   set up only
  --repair  make the environment (.venv) anew
  --help    this text; for Hearth's own: python3 start.py -- --help
"""
_CHECK = """
import json, torch, PySide6.QtCore
print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "usable": torch.cuda.is_available()}))
"""
_PROCESSES = ("engine.chat_engine", "app.main")  # what the engine's and the window's processes load
# `-n 0` among the arguments of `--test` runs the tests in one process. Each process takes up to 2 GB.
_MOST_TEST_PROCESSES = 4
_CUDA_COMES_ALONG = (
    "The package index offers PyTorch only together with CUDA, about 2 GB more that this computer can't use. It works "
    f"all the same. To avoid it: stop with Ctrl+C, set {torch_builds.INDEX_VARIABLE} (packaging/README.md tells how) "
    "and run start.py again."
)


@dataclass(frozen=True)
class Options:
    """What the person asked start.py for; `rest` goes to the app or to pytest."""

    test: bool = False
    setup_only: bool = False
    repair: bool = False
    usage: bool = False
    rest: tuple[str, ...] = ()


def parse(arguments: Sequence[str]) -> Options:
    """Take start.py's own options from the front; everything from the first other word on is passed along."""
    names = {"--test": "test", "--setup": "setup_only", "--repair": "repair", "--help": "usage", "-h": "usage"}
    chosen: dict[str, bool] = {}
    rest = list(arguments)
    while rest and rest[0] in names:
        chosen[names[rest.pop(0)]] = True
    if rest[:1] == ["--"]:
        rest.pop(0)
    return Options(**chosen, rest=tuple(rest))


def has_display(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Whether a window can be shown; asked of Linux only, other desktops always can."""
    linux = system.startswith("linux")
    return not linux or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def needs_qt(options: Options) -> bool:
    """Whether this start loads Qt: the tests, or the window (a word first is a command for the terminal)."""
    opens_window = not options.rest or options.rest[0].startswith("-")
    return not options.setup_only and (options.test or (opens_window and has_display()))


class FirstStart:
    """One run of the set-up."""

    def __init__(self, root: Path, options: Options) -> None:
        self._options = options
        self._layout = setup_stamp.Layout(root / ".venv")
        self._console = Console(self._layout.log)
        self._environment = VirtualEnvironment(root, self._console)
        stamp = setup_stamp.read(self._layout)
        # Test tools that are there stay: otherwise every plain start after `--test` would look outdated to the next.
        with_tests = options.test or (stamp is not None and stamp.with_tests)
        self._wanted = Wanted(setup_stamp.requirements_hash(root), torch_builds.fingerprint(), with_tests)

    def ensure(self) -> None:
        """Return when the environment is ready; SetUpError says in words why it can't be."""
        condition, _ = setup_stamp.judge(self._layout, self._wanted)
        if condition is Condition.READY and not self._options.repair:
            if needs_qt(self._options):
                qt_libraries.provide(self._console, required=True)
            return
        self._layout.folder.mkdir(exist_ok=True)
        with setup_lock.locked(self._layout.lock, self._on_wait):
            self._set_up()

    def _on_wait(self) -> None:
        self._console.say("Another start.py is setting up this folder; waiting for it to end.")

    def _set_up(self) -> None:
        condition, reason = setup_stamp.judge(self._layout, self._wanted)  # again: another process may have done it
        if self._options.repair:
            condition, reason = Condition.UNUSABLE, "Repair was asked for"
        if condition is Condition.READY:
            return
        self._console.say(f"{reason}. Setting up; the log is {self._layout.log}")
        self._layout.stamp.unlink(missing_ok=True)
        qt_libraries.provide(self._console, required=needs_qt(self._options))
        self._prepare(condition)
        build = self._install()
        with self._console.step("Checking"):
            self._check(build)
        setup_stamp.write(self._layout, self._wanted, build.folder)
        self._console.say("Hearth is set up.")

    def _prepare(self, condition: Condition) -> None:
        with self._console.step("Making the Python environment"):
            if condition is Condition.UNUSABLE or not self._environment.works():
                self._environment.empty()
                self._environment.make()
            self._environment.provide_pip()

    def _install(self) -> torch_builds.TorchBuild:
        build = torch_builds.choose(torch_builds.detect())
        self._console.say(f"PyTorch {build.version}, build {build.folder}: {build.why}.")
        index = torch_builds.index_arguments(build)
        if index:
            with self._console.step("Installing PyTorch"):
                # Alone: that index holds other versions of what PyTorch needs than the pinned ones.
                self._environment.install([*index, "--no-deps", torch_builds.requirement(build)])
        else:
            self._console.watch = _CudaWarning(self._console, armed=not build.wants_cuda)
        with self._console.step("Installing Hearth and its libraries (a few minutes the first time)"):
            self._environment.install_project(self._wanted.with_tests)
        with self._console.step("Installing the starter model (93 MB)"):
            self._environment.install_starter()
        with self._console.step("Preparing the first start"):
            self._environment.load_once(_PROCESSES)
        return build

    def _check(self, build: torch_builds.TorchBuild) -> None:
        """Load what was installed; SetUpError if it is not the wanted build."""
        command = [str(self._layout.python), "-P", "-c", _CHECK]
        answer = self._console.run(command, clean_environment()).strip().splitlines()[-1]
        found = json.loads(answer)
        if torch_builds.index_arguments(build) and build.wants_cuda and not found["cuda"]:
            raise SetUpError(
                f"PyTorch's {build.folder} build was wanted, but {found['torch']} was installed. Check the address in "
                f"{torch_builds.INDEX_VARIABLE}, then run: python3 start.py --repair"
            )
        sentence = torch_builds.advice(build)
        if not sentence and build.wants_cuda and not found["usable"]:
            sentence = "PyTorch can't use the graphics card: answers will be slow. `hearth doctor` tells more."
        if sentence:
            self._console.say(sentence)


class _CudaWarning:
    """Says once that CUDA comes along where nobody can use it; called with each line of pip's output."""

    def __init__(self, console: Console, armed: bool) -> None:
        self._console = console
        self._armed = armed

    def __call__(self, line: str) -> None:
        if self._armed and line.lstrip().startswith(("Collecting nvidia-", "Downloading nvidia_")):
            self._armed = False
            self._console.say(_CUDA_COMES_ALONG)


def test_processes() -> int:
    """Return in how many processes the tests run: one more than there are cores, as one of them often waits."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, _MOST_TEST_PROCESSES)


def launch_command(python: Path, options: Options) -> list[str]:
    """Return what to start; `-P` keeps a folder named `app` in the person's working folder out of the way."""
    if options.test:
        in_parallel = ["-n", str(test_processes()), "--dist", "worksteal"]
        return [str(python), "-m", "pytest", *in_parallel, *options.rest]
    return [str(python), "-P", "-m", "app", *options.rest]


def launch(root: Path, python: Path, options: Options) -> int:
    """Become the app or the tests; returns their exit status where a process can't be replaced."""
    environment = clean_environment()
    if options.test:
        os.chdir(root)
        if not has_display(environment):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    command = launch_command(python, options)
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)


def main(root_folder: str, arguments: Sequence[str]) -> int:
    """Run start.py's work for the project in `root_folder`; returns the exit status."""
    options = parse(arguments)
    if options.usage:
        print(USAGE, end="")
        return 0
    root = Path(root_folder)
    try:
        start = FirstStart(root, options)
        start.ensure()
    except SetUpError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run start.py again to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"\nA file can't be read or written: {error}\nMend that, then run start.py again.", file=sys.stderr)
        return 1
    return 0 if options.setup_only else launch(root, setup_stamp.Layout(root / ".venv").python, options)
