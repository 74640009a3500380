"""Commands only call: what they show, decide or do has its place in a room below. Imports are held by `make lint`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from inboxdb.cli import main
from inboxdb.database import sources

MOST = 15  # lines, without the docstring

CLI = Path(sources.ROOT / "inboxdb/cli")


def commands() -> Iterator[tuple[str, int]]:
    """Name each command's function, and how many lines its body has."""
    for file in sorted(CLI.glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and any(map(is_command, node.decorator_list)):
                _, first, *_ = node.body
                yield f"{file.stem}.{node.name}", (node.end_lineno or 0) - first.lineno + 1


def is_command(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "command"


COMMANDS = dict(commands())


def test_every_command_is_looked_at() -> None:
    groups = [command.commands for command in main.commands.values() if hasattr(command, "commands")]
    assert len(COMMANDS) == len(main.commands) - len(groups) + sum(map(len, groups))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_only_calls(command: str) -> None:
    assert COMMANDS[command] <= MOST
