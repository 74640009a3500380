"""A program's process, forked from a server with inboxdb imported: starting Python takes 0.3 s."""

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from inboxdb.cli import main


def inboxdb_in(folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Become `inboxdb` as cron starts it, with any warning an error; stdout and stderr are files in `folder`."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY), number)
        setattr(sys, name, os.fdopen(number, "w", buffering=1, closefd=False))
    warnings.simplefilter("error")
    main(arguments, prog_name="inboxdb")


def python(code: str, arguments: tuple[str, ...]) -> None:
    """Become `python -c`."""
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
