"""The part of an enumeration that `make test` tries: the rest is marked slow, and tried in CI."""

from collections.abc import Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet


def in_turn(each: Iterable[object], other: Sequence[object], *, every: int = 1) -> list[ParameterSet]:
    """Pair all with all. One pair of each, or of every second or third of them, is not slow: the next with the next."""
    return [
        pytest.param(one, two, marks=() if number % (every * len(other)) == every * turn else pytest.mark.slow)
        for number, one in enumerate(each)
        for turn, two in enumerate(other)
    ]


def a_third(values: Iterable[object]) -> list[ParameterSet]:
    """Mark all values slow but every third."""
    return [pytest.param(value, marks=pytest.mark.slow if number % 3 else ()) for number, value in enumerate(values)]
