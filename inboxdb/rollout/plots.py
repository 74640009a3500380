"""A canary drawn. Imported by who asks for a drawing alone, because this needs an extra."""

from pathlib import Path
from typing import Any

from inboxdb.database.errors import MissingExtra

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise MissingExtra("a plot", "plot") from error


def write(evidence: dict[str, Any], file: Path) -> None:
    """Draw the cohort's 95th percentiles and samples, window by window, as an SVG that is the same each time."""
    stages = evidence["stages"]
    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "inboxdb",
        "font.size": 9,
        "axes.grid": True,
        "grid.alpha": 0.3,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(3 + 3 * len(stages), 6), layout="constrained")
        canary = evidence["canary"]
        figure.suptitle(f"canary {canary['number']} of {canary['flag']}")
        for column, (stage, (slow, many)) in enumerate(
            zip(stages, figure.subplots(2, len(stages), squeeze=False, sharey="row").T, strict=True)
        ):
            for name in sorted({_name(one) for one in stage["windows"]}):
                windows = [one for one in stage["windows"] if _name(one) == name]
                numbers = [one["window"] + 1 for one in windows]
                slow.plot(numbers, [one["p95"] for one in windows], marker=".", label=name)
                many.plot(numbers, [one["samples"] for one in windows], marker=".")
            for allowed, of in sorted(_allowed(stage)):
                label = f"allowed {of}".rstrip()
                slow.axhline(allowed, linestyle="--", color="black", linewidth=0.8, label=label)
            slow.set_title(f"{stage['percentage']} %: {stage['verdict'] or 'not looked at'}")
            many.set_xlabel(f"window of {canary['window_seconds']:g} s")
            for axis in (slow.xaxis, many.xaxis, many.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if column == 0:
                slow.set_ylabel("95 of 100 within, ms")
                many.set_ylabel("samples")
            if stage["windows"]:
                slow.legend(frameon=False)
        # shared by all stages, of which none is to set the scale alone
        for axes in (slow, many):
            axes.set_ylim(bottom=0)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _allowed(stage: dict[str, Any]) -> set[tuple[float, str]]:
    latencies = [gate for gate in stage["gates"] if gate["gate"] == "latency" and gate["allowed"] is not None]
    return {(gate["allowed"], gate["class"] or "") for gate in latencies}


def _name(window: dict[str, Any]) -> str:
    return " ".join(filter(None, (window["read"], window["class"])))
