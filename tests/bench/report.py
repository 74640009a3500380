"""The results as Markdown: a document beside their JSON, and the README's passage about them.

    python -m tests.bench.report

writes both anew from docs/benchmarks/*.json; tests/test_bench.py compares.
"""

import re
from pathlib import Path

from tests.bench.results import ROOT, At, Figure, Measure, Results, Target, number, read

DOCUMENTS = ROOT / "docs/benchmarks"
README = ROOT / "README.md"
QUOTED = "quick"  # the size quoted by the README
PASSAGE = re.compile(r"(<!-- from docs/benchmarks/quick\.json -->\n).*?(<!-- end -->)", re.S)


def cell(figure: Figure | None) -> str:
    """Write a figure's median, and the least and the most of its rounds."""
    if figure is None:
        return ""
    text = f"{'> ' if figure.stopped else ''}{number(figure.median)}"
    if len(figure.rounds) > 1:
        text += f" ({number(min(figure.rounds))} to {number(max(figure.rounds))})"
    return text


def table(measure: Measure) -> str:
    """Write a measure: a column per contender, a row per circumstances."""
    contenders = list(dict.fromkeys(one.contender for one in measure.figures))
    circumstances: list[At] = []
    for one in measure.figures:
        if one.at not in circumstances:
            circumstances.append(one.at)
    names = list(circumstances[0])
    lines = [
        f"| {' | '.join([*names, *contenders])} |",
        f"|{'---|' * (len(names) + len(contenders))}",
    ]
    for at in circumstances:
        where = [f"{value:,}" if isinstance(value, int) else value for value in at.values()]
        cells = [cell(measure.find(contender, at)) for contender in contenders]
        lines.append(f"| {' | '.join([*where, *cells])} |")
    return "\n".join(lines)


def targets(judged: list[Target]) -> str:
    """Write the targets, and whether they were met."""
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    rows = [f"| {one.name} | {one.wanted} | {one.seen} | {verdicts[one.met]} |" for one in judged]
    return "\n".join(["| target | wanted | seen | |", "|---|---|---|---|", *rows])


def circumstances(results: Results) -> str:
    """Describe the machine and the server."""
    facts = {**results.machine, **results.versions, "commit": results.commit}
    return "; ".join(f"{name}: {value}" for name, value in facts.items())


def document(results: Results) -> str:
    """Write all results as a Markdown document."""
    parts = [
        f"# Benchmarks, {results.size} size",
        "Written by `make bench`; [README.md](README.md) says how to read it. It took "
        f"{results.took / 60:.0f} minutes.\n\n{circumstances(results)}",
        "Each cell is the median of its rounds, with the least and the most of them in parentheses.",
        f"## Targets\n\n{targets(results.targets)}",
    ]
    for measure in results.measures:
        section = f"## {measure.title}\n\nIn {measure.unit}. {measure.note}".rstrip() + f"\n\n{table(measure)}"
        if measure.x:
            section += f"\n\n![{measure.title}]({results.size}-{measure.name}.svg)"
        parts.append(section)
    return "\n\n".join(parts) + "\n"


def quoted(results: Results) -> str:
    """Write the figures for the README."""
    plotted = next((one for one in results.measures if one.x), None)
    plot = f"![{plotted.title}](docs/benchmarks/{results.size}-{plotted.name}.svg)\n\n" if plotted else ""
    return f"{targets(results.targets)}\n\n{plot}Measured on {circumstances(results)}.\n"


def readme(text: str, results: Results) -> str:
    """Return the README with the figures of these results."""
    return PASSAGE.sub(lambda found: f"{found[1]}\n{quoted(results)}\n{found[2]}", text)


def write(folder: Path) -> None:
    """Write a document beside each JSON file of a folder."""
    for path in folder.glob("*.json"):
        path.with_suffix(".md").write_text(document(read(path)))


def quote() -> None:
    """Write the README's passage from the results."""
    README.write_text(readme(README.read_text(), read(DOCUMENTS / f"{QUOTED}.json")))


if __name__ == "__main__":
    write(DOCUMENTS)
    quote()
