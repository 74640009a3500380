"""The results as plots: an SVG of each measure with an `x`, the same bytes for the same results."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tests.bench.results import At, Measure, Results

# Text as text, ids fixed from run to run.
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "inboxdb", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
SPAN = 20  # an axis whose values span more than this factor is logarithmic


def write(results: Results, folder: Path) -> None:
    """Write one file per measure with an `x`, named after the run's size and the measure."""
    for measure in results.measures:
        if measure.x:
            with mpl.rc_context(STYLE):
                figure = plot(measure, measure.x)
                drawn = StringIO()
                figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
            # a curve or an axis to a line, where matplotlib takes a line for each point
            text = re.sub(r"\n {4,}|\n *(?=</)|\n(?=\")", "", drawn.getvalue().replace(" \n", " "))
            (folder / f"{results.size}-{measure.name}.svg").write_text(text)


def plot(measure: Measure, x: str) -> Figure:
    """Draw a panel for each combination of the other circumstances, and a line per contender."""
    panels = list(dict.fromkeys(rest(one.at, x) for one in measure.figures))
    contenders = list(dict.fromkeys(one.contender for one in measure.figures))
    figure = Figure(figsize=(4.2 * len(panels) if len(panels) > 1 else 6.4, 3.6), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        for number, contender in enumerate(contenders):
            points = sorted(
                (float(one.at[x]), one.median, min(one.rounds), max(one.rounds))
                for one in measure.figures
                if one.contender == contender and rest(one.at, x) == panel
            )
            if points:
                places, medians, least, most = zip(*points, strict=True)
                color = f"C{number}"
                axes.plot(places, medians, marker="o", markersize=3, color=color, label=contender)
                axes.fill_between(places, least, most, color=color, alpha=0.15, linewidth=0)
        axes.set_title(panel, fontsize=9)
        axes.set_xlabel(x)
        values = [one.median for one in measure.figures]
        here = [float(one.at[x]) for one in measure.figures]
        if max(values) > SPAN * min(values) > 0:
            axes.set_yscale("log")
        if max(here) > SPAN * min(here) > 0 and x != "percentile":
            axes.set_xscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    grid[0].set_ylabel(measure.unit)
    figure.suptitle(measure.title, fontsize=10)
    lines = {str(line.get_label()): line for axes in grid for line in axes.get_lines()}
    figure.legend(handles=lines.values(), loc="outside lower center", ncols=3 * len(panels), fontsize=8, frameon=False)
    return figure


def rest(at: At, x: str) -> str:
    """Write the circumstances, but not `x`."""
    return ", ".join(f"{name}: {value}" for name, value in at.items() if name != x)
