"""Analytics drawn. Imported by who asks for a plot alone, because this needs an extra."""

from datetime import date
from pathlib import Path
from typing import Any

from inboxdb.cli.render import FUNNEL
from inboxdb.counts.analytics import Analytics
from inboxdb.database.errors import InboxdbError, MissingExtra

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("a plot", "plot") from error

MILLISECONDS = 3_600_000  # of an hour


def write(found: Analytics, file: Path) -> None:
    """Write the figures to a file, as an SVG. Raises InboxdbError where the file cannot be written."""
    # text as text
    with mpl.rc_context({"svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=(9, 9), layout="constrained")
        figure.suptitle(f"{found.from_day} to {found.to_day}, {found.time_zone}")
        messages, leads, waits, funnel = figure.subplots(4, 1)
        _by_day(messages, found, {"inbound": "inbound", "outbound": "outbound"})
        messages.set_title("messages")
        _by_day(leads, found, {"leads_created": "leads created", "meetings_booked": "meetings booked"})
        leads.set_title("leads")
        # names of users are ids, with which no formula is begun
        names = [
            f"{one['side']}: {one['user_id'] or one['sender']}".replace("$", r"\$") for one in found.response_times
        ]
        for percent, shade in (("p90_ms", 0.4), ("p50_ms", 1)):
            hours = [one[percent] / MILLISECONDS for one in found.response_times]
            waits.barh(range(len(names)), hours, alpha=shade, color="C0", label=f"{percent[1:3]} of 100 within")
        waits.set_yticks(range(len(names)), names)
        waits.set_title("replies, in hours")
        waits.legend(frameon=False)
        funnel.barh(list(FUNNEL), [found.overview[name] for name in FUNNEL.values()])
        funnel.invert_yaxis()
        funnel.set_title("leads on their way to meetings")
        try:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        except OSError as error:
            raise InboxdbError(f"{file} cannot be written: {error.strerror}.") from error


def _by_day(axes: Axes, found: Analytics, names: dict[str, str]) -> None:
    days: Any = [date.fromisoformat(one["day"]) for one in found.days]
    for name, label in names.items():
        axes.step(days, [one[name] for one in found.days], where="mid", label=label)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
