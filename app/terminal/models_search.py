"""`hearth models search`: what the Hub has, and how each of it would run on this computer."""

import argparse
import shutil
from dataclasses import dataclass
from typing import Any

import msgspec

from app.conversations.records import new_id
from app.models.amounts import file_size
from app.models.plan_words import fit_label
from app.paths import Paths
from app.terminal.engine_session import session_for
from app.terminal.hub_access import hub_access
from app.terminal.interrupts import Interrupts
from app.terminal.one_command import run_in
from app.terminal.options import EXIT_OK
from app.terminal.output import Output
from app.terminal.quantities import count_up_to, parameter_count
from engine.api.codec import clean_text
from engine.api.commands import PlanCheckpoint, SearchCheckpoints
from engine.api.events import CheckpointPlanned, CheckpointsFound, CommandFailed, Terminal
from engine.api.hub import Gating, HubAccess, HubCheckpoint, HubSort

_MOST_RESULTS = 100
_USUAL_RESULTS = 20
_USUAL_WIDTH = 100
_GAP = "  "
_HEADINGS = ("Model", "Size", "Download", "Context", "Licence", "On this computer")
_RIGHT = (1, 2, 3)  # columns of numbers
_GATED = {Gating.TERMS: "terms", Gating.APPROVAL: "on request"}
_UNKNOWN = "?"


@dataclass(frozen=True)
class _Row:
    """One result with its plan; planned is None if no plan was asked for or wanted."""

    found: HubCheckpoint
    planned: Terminal | None = None


def add_search(actions: Any, command: str) -> None:  # noqa: ANN401  argparse's type for this is private
    """Add the action to the actions of `hearth models`; command is what options.command becomes."""
    parser = actions.add_parser(
        "search",
        help="find models on the Hub",
        description="Find models on the Hub that write text, and say how each would run on this computer. QUERY is "
        "words, a Hub id, or the address of a page; without it everything counts.",
    )
    add = parser.add_argument
    add("query", metavar="QUERY", nargs="*", type=clean_text, help="words, owner/name, or an address")
    add("--author", metavar="A", default="", type=clean_text, help="only what this person or organisation published")
    add("--min-parameters", metavar="N", type=parameter_count, help="at least so many parameters, e.g. 1B or 500M")
    add("--max-parameters", metavar="N", type=parameter_count, help="at most so many parameters, e.g. 9B")
    add("--sort", choices=[sort.value for sort in HubSort], default=HubSort.DOWNLOADS.value, help="what comes first")
    add("--limit", metavar="N", type=count_up_to(_MOST_RESULTS), default=_USUAL_RESULTS, help="so many (default: 20)")
    add("--no-plan", action="store_true", help="don't plan for this computer, which takes most of the time")
    add("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=command)


def run(options: argparse.Namespace, paths: Paths, output: Output) -> int:
    """Print what was found and return the exit status. Raises TerminalFailure, and KeyboardInterrupt if stopped."""
    access = hub_access(paths, output)
    command = SearchCheckpoints(
        command_id=new_id(),
        text=" ".join(options.query),
        author=options.author,
        least_parameters=options.min_parameters,
        most_parameters=options.max_parameters,
        sort=HubSort(options.sort),
        limit=options.limit,
        access=access,
    )
    output.phase("Searching")
    with session_for(paths) as session:
        terminal = run_in(session, command, output, output.progress)
        assert isinstance(terminal, CheckpointsFound)
        rows = [_Row(found) for found in terminal.results]
        if not options.no_plan:
            plans = _plan_commands(terminal.results, access)
            output.phase("Planning")
            with Interrupts() as interrupts:
                ended = session.run_all(list(plans.values()), output.progress, interrupts)
            output.clear_progress()
            if interrupts.requested:
                raise KeyboardInterrupt
            rows = [_Row(row.found, ended.get(_id(plans.get(row.found.hub_id)))) for row in rows]
    if options.json:
        output.json({"is_exact": terminal.is_exact, "results": [_report(row) for row in rows]}, indent=2)
    else:
        _print(rows, output)
    return EXIT_OK


def _plan_commands(results: tuple[HubCheckpoint, ...], access: HubAccess) -> dict[str, PlanCheckpoint]:
    """Return what to ask for each result that can be used, by Hub id."""
    return {
        found.hub_id: PlanCheckpoint(
            command_id=new_id(), checkpoint=found.hub_id, ask_hub=True, reads_headers=False,
            revision=found.revision or "main", access=access,
        )
        for found in results
        if not found.unusable
    }  # fmt: skip


def _id(command: PlanCheckpoint | None) -> str:
    return command.command_id if command is not None else ""


def _report(row: _Row) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(row.found)
    plan: dict[str, object] = {"fit": None, "plan": None, "plan_problem": row.found.unusable}
    if isinstance(row.planned, CheckpointPlanned):
        found = row.planned.plan
        plan = {
            "fit": found.fit.value, "plan": fit_label(found), "plan_problem": "", "precision": found.precision.value,
            "context_window": found.context_window, "needed_bytes": found.parts.needed_bytes,
        }  # fmt: skip
    elif isinstance(row.planned, CommandFailed):
        plan["plan_problem"] = row.planned.error.sentence()
    return fields | plan


def _print(rows: list[_Row], output: Output) -> None:
    if not rows:
        output.say("The Hub has nothing that matches.")
        return
    width = shutil.get_terminal_size((_USUAL_WIDTH, 1)).columns
    table = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEADINGS))]
    fits = sum(widths) + len(_GAP) * (len(widths) - 1) <= width
    for cells, row in zip(table, [None, *rows], strict=True):
        aligned = [
            cell.rjust(widths[column]) if column in _RIGHT else cell.ljust(widths[column])
            for column, cell in enumerate(cells)
        ]
        if fits:
            output.line(_GAP.join(aligned).rstrip())
        else:  # a name is never cut, as it is to be copied
            output.line(cells[0])
            output.line(_GAP + _GAP.join(aligned[1:]).rstrip())
        if row is not None and (problem := _problem(row)):
            output.line(f"{_GAP}{problem}")


def _cells(row: _Row) -> tuple[str, ...]:
    found = row.found
    conditions = [found.license or _UNKNOWN, _GATED.get(found.gating, ""), "private" if found.is_private else ""]
    return (
        found.hub_id,
        _short_count(found.parameters),
        file_size(found.download_bytes) if found.download_bytes else _UNKNOWN,
        f"{found.context_tokens // 1024:,}k" if found.context_tokens >= 1024 else _UNKNOWN,
        ", ".join(word for word in conditions if word),
        _fit(row),
    )


def _fit(row: _Row) -> str:
    if row.found.unusable:
        return "not usable"
    if isinstance(row.planned, CheckpointPlanned):
        return fit_label(row.planned.plan)
    return _UNKNOWN if row.planned is not None else ""


def _problem(row: _Row) -> str:
    if row.found.unusable:
        return row.found.unusable
    return row.planned.error.message if isinstance(row.planned, CommandFailed) else ""


def _short_count(count: int) -> str:
    """Return a number of parameters as the names of models have it: 8.2B, 600M, 400K."""
    if count >= 10**9:
        return f"{count / 10**9:.1f}B"
    if count >= 10**6:
        return f"{count / 10**6:.0f}M"
    return f"{count / 10**3:.0f}K" if count >= 10**3 else _UNKNOWN
