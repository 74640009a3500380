"""The part of an enumeration that `make test` tries: the rest is marked slow, and tried in CI."""

from collections.abc import Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet


def in_turn(each: Iterable[object], other: Sequence[object]) -> list[ParameterSet]:
    """Pair all with all. One pair of each is not slow: the next with the next."""
    return [
        pytest.param(one, two, marks=() if number % len(other) == turn else pytest.mark.slow)
        for number, one in enumerate(each)
        for turn, two in enumerate(other)
    ]


def one_in(number: int, values: Iterable[object]) -> list[ParameterSet]:
    """Mark all values slow but the first of each so many."""
    return [pytest.param(value, marks=pytest.mark.slow if place % number else ()) for place, value in enumerate(values)]
