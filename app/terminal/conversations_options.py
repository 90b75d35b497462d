"""The command line of `hearth conversations`: its actions, their options, and who does them."""

import argparse
from pathlib import Path
from typing import Any

from app.paths import Paths
from app.terminal import conversations
from app.terminal.output import Output
from engine.api.codec import clean_text

PREFIX = "conversations "


def add_conversations(commands: Any) -> None:  # noqa: ANN401  argparse's type for this is private
    """Add the command to the parser's commands; each action's name becomes `conversations ACTION`."""
    parser = commands.add_parser("conversations", help="list, export and import conversations")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_list(actions)
    _add_export(actions)
    _add_import(actions)


def run(options: argparse.Namespace, paths: Paths, output: Output) -> int:
    """Do what the action says and return the exit status. Raises TerminalFailure, and KeyboardInterrupt if stopped."""
    match options.command.removeprefix(PREFIX):
        case "list":
            return conversations.list_all(paths, output, as_json=options.json)
        case "export":
            wanted = conversations.Export(options.file, options.format, options.conversation)
            return conversations.export(wanted, paths, output)
        case "import":
            return conversations.import_files(options.files, paths, output)
        case unknown:
            raise ValueError(unknown)


def _add_list(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "list", help="list the conversations", description="List the conversations, the one changed last first."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=f"{PREFIX}list")


def _add_export(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "export",
        help="write conversations into a file",
        description="Write all conversations, or one, into a file: as JSON with everything that is known, to be "
        "imported again, or as Markdown, to be read elsewhere. A file that is there already is replaced.",
    )
    add = parser.add_argument
    add("file", metavar="FILE", type=_path, help="where to write; - writes to stdout")
    add(
        "--format",
        choices=("json", "markdown"),
        help="default: as FILE's name says (.md is Markdown), else json",
    )
    add("--conversation", metavar="NAME", type=clean_text, help="only this one: its name, title or id")
    parser.set_defaults(command=f"{PREFIX}export")


def _add_import(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "import",
        help="add conversations from files",
        description="Add conversations from files of Hearth, ChatGPT (the .zip or its conversations.json), LM Studio "
        "(*.conversation.json), Open WebUI or Jan (a folder of threads). What is there already is never changed. "
        "The exit status is 1 if something could not be read.",
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        type=_path,
        nargs="+",
        help="a file, an archive, or a folder of them; - reads a file from stdin",
    )
    parser.set_defaults(command=f"{PREFIX}import")


def _path(name: str) -> Path:
    """Return the path; an empty name, as an unset variable gives, would stand for the folder one is in."""
    if not name:
        raise argparse.ArgumentTypeError("its name is empty")
    return Path(name)
