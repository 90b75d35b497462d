"""The command line of `hearth models`: its actions, their options, and who does them."""

import argparse
from typing import Any

from app.paths import Paths
from app.terminal import models, models_delete, models_download, models_search
from app.terminal.output import Output
from engine.api.codec import clean_text

PREFIX = "models "


def add_models(commands: Any) -> None:  # noqa: ANN401  argparse's type for this is private
    """Add the command to the parser's commands; each action's name becomes `models ACTION`."""
    parser = commands.add_parser("models", help="the models on this computer, and more of them")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_list(actions)
    models_search.add_search(actions, f"{PREFIX}search")
    _add_download(actions)
    _add_delete(actions)


def run(options: argparse.Namespace, paths: Paths, output: Output) -> int:
    """Do what the action says and return the exit status. Raises TerminalFailure, and KeyboardInterrupt if stopped."""
    match options.command.removeprefix(PREFIX):
        case "list":
            return models.list_checkpoints(paths, output, as_json=options.json)
        case "search":
            return models_search.run(options, paths, output)
        case "download":
            return models_download.run(options.checkpoint, options.revision, paths, output, as_json=options.json)
        case "delete":
            wanted = models_delete.Deletion(options.checkpoint, options.revision, options.yes, options.json)
            return models_delete.run(wanted, paths, output)
        case unknown:
            raise ValueError(unknown)


def _add_list(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "list",
        help="list what is on this computer",
        description="List the models on this computer: what --model takes, the bytes that deleting it would free, its "
        "architecture, when it was last used, and whether it is whole.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=f"{PREFIX}list")


def _add_download(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "download",
        help="fetch a model from the Hub, or the rest of it",
        description="Fetch a model from the Hub into the standard Hugging Face cache. Ctrl+C pauses: the same command "
        "goes on where it was left, also after a crash or without power.",
    )
    parser.add_argument("checkpoint", metavar="ID", type=clean_text, help="owner/name, or the address of its page")
    parser.add_argument("--revision", default="", type=clean_text, help="branch, tag or commit (default: main)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=f"{PREFIX}download")


def _add_delete(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "delete",
        help="delete a model from this computer",
        description="Delete a model from this computer, with all that Hearth made of it. What would be freed is said "
        "and asked before; without a terminal to ask on, --yes is needed.",
    )
    parser.add_argument("checkpoint", metavar="ID", type=clean_text, help="as `hearth models list` shows it")
    parser.add_argument("--revision", default="", type=clean_text, help="only this commit or branch (default: all)")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=f"{PREFIX}delete")
