"""Programs that tests start: a test without its program is skipped, but fails in CI, where all are promised."""

import os
import shutil
from typing import NoReturn

import pytest

WANTS = "wants "  # begins the reason of such a skip, and of no other

# Brings every program, and an engine and an image for the tests in containers.
INSTALL = "sudo .ci/install"


def find(name: str) -> str | None:
    """Find a program."""
    # Debian's places for daemons are on no path but root's.
    places = (os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/lib/systemd")
    return shutil.which(name, path=os.pathsep.join(places))


def program(name: str, package: str) -> str:
    """Find a program of a Debian package."""
    return find(name) or lacking(f"{name}, of Debian's package {package}")


def lacking(what: str) -> NoReturn:
    """Skip the test for want of something, or let it fail in CI."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{WANTS}{what}")
