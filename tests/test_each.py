"""A table that is one test is no less a test: every case is looked at, and what fails is named."""

import inspect

import pytest

from tests.each import each


def test_every_case_of_every_table_is_looked_at() -> None:
    seen = []

    @each("a", [1, 2])
    @each("b, c", [(3, 4), (5, 6)])
    def look(rng: str, a: int, b: int, c: int) -> None:
        seen.append((rng, a, b, c))

    assert list(inspect.signature(look).parameters) == ["rng"]
    look(rng="x")
    assert seen == [("x", 1, 3, 4), ("x", 1, 5, 6), ("x", 2, 3, 4), ("x", 2, 5, 6)]


def test_each_case_that_fails_is_told() -> None:
    @each("number", range(5))
    def small(number: int) -> None:
        assert number in (0, 1, 3), number

    with pytest.raises(ExceptionGroup, match="2 of 5 cases") as told:
        small()
    notes = [error.__notes__ for error in told.value.exceptions]
    assert notes == [["case: {'number': 2}"], ["case: {'number': 4}"]]

    @each("number", [1, 2])
    def one(number: int) -> None:
        assert number == 1

    with pytest.raises(AssertionError) as single:
        one()
    assert single.value.__notes__ == ["case: {'number': 2}"]


def test_cases_that_do_not_fit_and_tables_without_any_are_refused() -> None:
    with pytest.raises(AssertionError, match="without cases"):
        each("a", [])

    @each("a, b", [(1, 2, 3)])
    def short(a: int, b: int) -> None:
        assert a < b

    with pytest.raises(ValueError, match="longer"):
        short()
