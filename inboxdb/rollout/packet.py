"""The evidence packet of a canary, written from its evidence alone, so that it is the same whenever it is written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inboxdb.database.errors import InboxdbError, MissingExtra

AT_WORK = "at work"

KILL_SWITCH = "`inboxdb flags set FLAG off --why …` is the kill switch."

# What to do next, by how the canary ended.
NEXT = {
    AT_WORK: ("`inboxdb canary status FLAG`: each gate as of the last look.", KILL_SWITCH),
    "complete": (
        "Go on reporting samples, and compare the next day's 95th percentiles with the last stage's.",
        "`inboxdb status` and `inboxdb doctor`: oldest change, drift, quarantined workspaces.",
        KILL_SWITCH,
    ),
    "taken_back": (
        "The flag was set to off, for all workspaces without a state of their own.",
        "Mend what was breached, then start another canary: `inboxdb canary start FLAG`.",
    ),
    "aborted": (
        "The flag was set to off, for all workspaces without a state of their own.",
        "Start another canary, `inboxdb canary start FLAG`, or set the flag: `inboxdb flags set FLAG on --why …`.",
    ),
    "overtaken": ("The flag is as somebody set it: `inboxdb flags history FLAG` says who, and why.", KILL_SWITCH),
}

GATES = (
    "A share is the greater one of the whole stage and of the last window. A latency is the time within which 95 of "
    "100 answers came in the whole stage, or in the last window where that was too slow. Both are of the cohort alone."
)

READS = (
    "Other outcomes are all but `ok`, by code. `IB015`: refused because the flag is off there, as is meant; such "
    "samples count for no gate. Percentiles are of the whole stage, in ms, of answers alone."
)


def write(evidence: dict[str, Any], folder: Path) -> list[Path]:
    """Write the packet as JSON and Markdown, and as a drawing where the extra `plot` is installed.

    Returns the files. Raises InboxdbError where one cannot be written.
    """
    stem = folder / f"canary-{evidence['canary']['number']}"
    texts = {".json": json.dumps(evidence, indent=2, sort_keys=True) + "\n", ".md": markdown(evidence)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for suffix, text in texts.items():
            files.append(stem.with_suffix(suffix))
            files[-1].write_text(text)
        drawing = _draw(evidence, stem.with_suffix(".svg"))
    except OSError as error:
        raise InboxdbError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return files + drawing


def _draw(evidence: dict[str, Any], file: Path) -> list[Path]:
    try:
        from inboxdb.rollout import plots
    except MissingExtra:
        return []
    plots.write(evidence, file)
    return [file]


def markdown(evidence: dict[str, Any]) -> str:
    """Write the packet for people."""
    canary = evidence["canary"]
    state = canary["ended_as"] or AT_WORK
    lines = [
        f"# Canary {canary['number']} of {canary['flag']}: {state.replace('_', ' ')}",
        "",
        *([f"**{_text(canary['why'])}**", ""] if canary["why"] else []),
        f"- behind the flag are {_text(canary['meaning'] or 'no reads any more')}",
        f"- started {canary['started_at']} by {_text(canary['started_by'])}; ended {canary['ended_at'] or 'not yet'}",
        f"- stages: {', '.join(f'{percentage} %' for percentage in canary['stages'])} of workspaces, each observed for "
        f"{canary['observe_seconds']:g} s at least, {canary['at_most_seconds']:g} s at most; windows of "
        f"{canary['window_seconds']:g} s",
        "- the cohort are the workspaces that a stage turns the flag on for, the rest all others; those with samples "
        "are counted",
        "- all times are UTC; a share of 0.01 is 1 %, a latency is in ms, an age in s; *undecided* is not passed",
        "",
        "## Flag",
        "",
        *_table(
            ("at", "state", "whose", "by", "why"),
            [
                (entry["at"], entry["state"], _whose(entry), _text(entry["by"]), _text(entry["why"]))
                for entry in evidence["history"]
            ],
        ),
    ]
    for stage in evidence["stages"]:
        lines += _stage(stage)
    lines += ["", "## What is next", "", *(f"- {one.replace('FLAG', canary['flag'])}" for one in NEXT[state])]
    return "\n".join(lines) + "\n"


def _stage(stage: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## Stage {stage['stage']}: {stage['percentage']} %, {stage['verdict'] or 'not looked at'}", "")
    yield from (f"From {stage['from']} to {stage['to'] or 'now'}.", "")
    gates = [
        (
            gate["gate"],
            _read(gate),
            gate["samples"],
            _number(gate["measured"]),
            _number(gate["allowed"]),
            gate["verdict"],
        )
        for gate in stage["gates"]
    ]
    yield from _table(("gate", "read", "samples", "measured", "allowed", "verdict"), gates)
    yield from ("", GATES, "")
    reads = [
        (
            *(read["of"], f"{read['workspaces']:,}", _read(read), read["samples"], _other_outcomes(read)),
            *(_number(read[name]) for name in ("p50", "p95", "p99", "max")),
        )
        for read in stage["reads"]
    ]
    yield from _table(("whose", "workspaces", "read", "samples", "other outcomes", "p50", "p95", "p99", "max"), reads)
    yield from ("", READS, "")
    looks = [
        (look["at"], _number(look["oldest_change_seconds"]), look["drifted"], look["quarantined"])
        for look in stage["looks"]
    ]
    yield from _table(("look", "oldest change", "drift", "quarantined"), looks)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def _whose(entry: dict[str, Any]) -> str:
    return "one workspace" if entry["for_one_workspace"] else "all others"


def _other_outcomes(read: dict[str, Any]) -> str:
    return ", ".join(f"{code}: {number}" for code, number in sorted(read["other_outcomes"].items())) or "none"


def _read(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (row["read"], row["class"])))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _text(words: str) -> str:
    """Keep somebody's words from being Markdown, or HTML, and in one line."""
    return re.sub(r"([\\`*|<>\[\]#&]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(words.split()))
