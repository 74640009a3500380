"""The evidence packet of a canary, written from its evidence alone, so that it is the same whenever it is written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inboxdb.database.errors import InboxdbError, MissingExtra

ENDED = {
    None: "at work",
    "complete": "complete: every stage was passed",
    "taken_back": "taken back",
    "aborted": "aborted",
    "overtaken": "overtaken: the flag was set by somebody else",
}

# What to look at once the canary is over.
AFTERWARDS = (
    "Go on reporting samples, and compare the next day's 95th percentiles with the last stage's.",
    "`inboxdb status` and `inboxdb doctor`: oldest change, drift, quarantined workspaces.",
    "`inboxdb flags list`: how the flag is set now; `inboxdb flags set FLAG off --why …` is the kill switch.",
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
    lines = [
        f"# Canary {canary['number']} of {canary['flag']}: {ENDED[canary['ended_as']]}",
        "",
        *([f"**{_text(canary['why'])}**", ""] if canary["why"] else []),
        f"- started {canary['started_at']} by {_text(canary['started_by'])}; ended {canary['ended_at'] or 'not yet'}",
        f"- stages: {', '.join(f'{percentage} %' for percentage in canary['stages'])} of workspaces, each observed for "
        f"{canary['observe_seconds']:g} s at least, {canary['at_most_seconds']:g} s at most; windows of "
        f"{canary['window_seconds']:g} s",
        "- all times are UTC; a share is of 1, a latency in ms, an age in s; *undecided* is not passed",
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
    lines += ["", "## What to watch after", "", *(f"- {one.replace('FLAG', canary['flag'])}" for one in AFTERWARDS)]
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
    yield ""
    reads = [
        (
            *(read["of"], _read(read), read["samples"], _failures(read)),
            *(_number(read[name]) for name in ("p50", "p95", "p99", "max")),
        )
        for read in stage["reads"]
    ]
    yield from _table(("workspaces", "read", "samples", "failures", "p50", "p95", "p99", "max"), reads)
    yield ""
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


def _failures(read: dict[str, Any]) -> str:
    return ", ".join(f"{code}: {number}" for code, number in sorted(read["failures"].items())) or "none"


def _read(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (row["read"], row["class"])))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _text(words: str) -> str:
    """Keep somebody's words from being Markdown, or HTML, and in one line."""
    return re.sub(r"([\\`*_|<>\[\]#&])", r"\\\1", " ".join(words.split()))
