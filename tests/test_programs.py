"""A program that the machine lacks: what a run of the tests says of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import INSTALL

TEST = "tests/test_deploy.py::test_the_crontab_is_well_formed"


@pytest.fixture
def without(tmp_path: Path) -> list[str]:
    """Run a test that wants crontab, as on a machine without it."""
    return [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={tmp_path}", TEST]


def test_it_is_listed_with_what_brings_it_and_remembered(without: list[str], tmp_path: Path) -> None:
    here = {name: value for name, value in os.environ.items() if name != "CI"}
    run = subprocess.run(without, env={**here, "PATH": os.devnull}, capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    assert "\n    1  wants crontab, of Debian's package cron\n" in run.stdout
    assert f"`{INSTALL}` brings all" in run.stdout
    remembered = tmp_path / "v/inboxdb/wanting"
    assert json.loads(remembered.read_text()) == [TEST]
    # crontab's own judgement is test_deploy's: seen is enough
    crontab = tmp_path / "crontab"
    crontab.write_text("#!/bin/sh\n")
    crontab.chmod(0o755)
    subprocess.run(without, env={**here, "PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=True)
    assert json.loads(remembered.read_text()) == []


def test_it_is_a_failure_in_ci(without: list[str]) -> None:
    run = subprocess.run(without, env={**os.environ, "PATH": os.devnull, "CI": "true"}, capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "wants crontab" in run.stdout
