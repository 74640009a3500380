"""Comments name what they speak of: few pointing words, no chains of references, and no path that is not there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "sql").rglob("*.sql"))

POINTING = {"it", "that", "which", "what", "whoever", "one", "those"}
BOUND = 0.032  # of all words in comments


def comments(file: Path) -> list[str]:
    """Return the lines of comments in a file of SQL, without their dashes."""
    return [
        line.strip().removeprefix("--").strip() for line in file.read_text().splitlines() if re.match(r"\s*--", line)
    ]


def test_few_words_point() -> None:
    """A word that points makes a reader look for its noun; the noun itself does not."""
    said, pointing = 0, Counter[str]()
    for file in SOURCES:
        words = re.findall("[a-z']+", " ".join(comments(file)).lower())
        said += len(words)
        pointing[str(file.relative_to(ROOT))] = sum(word in POINTING for word in words)
    share = pointing.total() / said
    assert share <= BOUND, f"{share:.1%} of {said} words; most in {pointing.most_common(5)}"


def test_paths_in_comments_exist() -> None:
    for file in SOURCES:
        for path in re.findall(r"\b(?:sql|docs|tests|inboxdb|migrations)/[\w./-]*\w", "\n".join(comments(file))):
            assert (ROOT / path).exists(), f"{file.relative_to(ROOT)}: {path}"
