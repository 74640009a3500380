"""Comments name what they speak of: few pointing words, no chains of references, and no path that is not there."""

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "sql").rglob("*.sql"))

POINTING = {"it", "that", "which", "what", "whoever", "one", "those"}
BOUNDS = {"sql": 0.025, "inboxdb": 0.06, "tests": 0.06}  # of all words in comments


def comments(file: Path) -> list[str]:
    """Return the comments of a file without their marks: lines of SQL; comments and docstrings of Python."""
    text = file.read_text()
    if file.suffix == ".sql":
        return [line.strip().removeprefix("--").strip() for line in text.splitlines() if re.match(r"\s*--", line)]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return [token.string for token in tokens if token.type == tokenize.COMMENT] + docstrings


@pytest.mark.parametrize("room", BOUNDS)
def test_few_words_point(room: str) -> None:
    """A word that points makes a reader look for its noun; the noun itself does not."""
    said, pointing = 0, Counter[str]()
    for file in sorted((ROOT / room).rglob("*.sql" if room == "sql" else "*.py")):
        words = re.findall("[a-z']+", " ".join(comments(file)).lower())
        said += len(words)
        pointing[str(file.relative_to(ROOT))] = sum(word in POINTING for word in words)
    share = pointing.total() / said
    assert share <= BOUNDS[room], f"{share:.1%} of {said} words; most in {pointing.most_common(5)}"


def test_paths_in_comments_exist() -> None:
    for file in SOURCES:
        for path in re.findall(r"\b(?:sql|docs|tests|inboxdb|migrations)/[\w./-]*\w", "\n".join(comments(file))):
            assert (ROOT / path).exists(), f"{file.relative_to(ROOT)}: {path}"
