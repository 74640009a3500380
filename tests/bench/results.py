"""The results of a run: figures by contender and circumstance, and the machine; as JSON and back."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.programs import find

ROOT = Path(__file__).parents[2]

At = Mapping[str, int | str]  # circumstances, by name: a number of leads, a kind of load


@dataclass
class Figure:
    """One contender under certain circumstances, measured once a round; `stopped`: a round ran into its time
    limit, so the figure is the limit's length.
    """

    contender: str
    at: At
    rounds: list[float] = field(default_factory=list)
    stopped: bool = False

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)


@dataclass
class Measure:
    """A table of the report: contenders side by side under the same circumstances. `x` is the circumstance along
    a plot's axis, null for no plot; `note` is for readers.
    """

    name: str
    title: str
    unit: str
    x: str | None = None
    note: str = ""
    figures: list[Figure] = field(default_factory=list)

    def add(self, contender: str, at: At, value: float, *, stopped: bool = False) -> None:
        """Add a round of a contender under these circumstances."""
        figure = self.find(contender, at)
        if figure is None:
            figure = Figure(contender, at)
            self.figures.append(figure)
        figure.rounds.append(value)
        figure.stopped |= stopped

    def find(self, contender: str, at: At) -> Figure | None:
        """Return a contender's figure under these circumstances, if measured."""
        return next((one for one in self.figures if one.contender == contender and one.at == at), None)


@dataclass
class Target:
    """A target: the promise, the figure, and whether the figure meets the promise; `met` is null if not measured."""

    name: str
    wanted: str
    seen: str
    met: bool | None


@dataclass
class Results:
    """A run. `took` is in seconds."""

    size: str
    machine: dict[str, str]
    versions: dict[str, str]
    commit: str
    measures: list[Measure] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    took: int = 0

    def measure(self, name: str, title: str, unit: str, x: str | None = None, note: str = "") -> Measure:
        """Return the measure of this name, begun if missing."""
        begun = next((one for one in self.measures if one.name == name), None)
        if begun is None:
            begun = Measure(name, title, unit, x, note)
            self.measures.append(begun)
        return begun

    def find(self, measure: str, contender: str, at: At) -> Figure | None:
        """Return a figure, if measured."""
        return next((one.find(contender, at) for one in self.measures if one.name == measure), None)

    def write(self, path: Path) -> None:
        """Write them as JSON, a line a figure, of four significant digits."""
        stored = asdict(self)
        for measure in stored["measures"]:
            for figure in measure["figures"]:
                figure["rounds"] = [float(f"{value:.4g}") for value in figure["rounds"]]
        figure = re.compile(r'\{\s+"contender".*?"stopped": \w+\s+\}', re.S)
        text = figure.sub(lambda one: json.dumps(json.loads(one[0])), json.dumps(stored, indent=1))
        path.write_text(text + "\n")


def read(path: Path) -> Results:
    """Read results from a file."""
    stored = json.loads(path.read_text())
    stored["measures"] = [
        Measure(**{**measure, "figures": [Figure(**figure) for figure in measure["figures"]]})
        for measure in stored["measures"]
    ]
    stored["targets"] = [Target(**target) for target in stored["targets"]]
    return Results(**stored)


def number(value: float) -> str:
    """Write a number with three significant digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def begin(size: str, server: Mapping[str, str]) -> Results:
    """Begin the results of a run on this machine.

    Parameters: size, the name in SIZES; server, PostgreSQL's version and settings, by name.
    """
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = "unknown"
    if git := find("git"):
        describe = [git, "describe", "--always", "--dirty"]
        commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return Results(
        size=size,
        machine={
            "processors": f"{os.cpu_count()} of {model[1] if model else platform.machine()}",
            "memory": f"{memory:.0f} GiB",
            "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        },
        versions={**server, "Python": platform.python_version()},
        commit=commit,
    )
