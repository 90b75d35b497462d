"""The numbers in the README are those that were measured, and all of them of one machine."""

from tests import numbers_table


def test_the_readme_has_the_numbers_that_were_found() -> None:
    assert numbers_table.in_readme() == numbers_table.rendered(), "run python -m tests.numbers_table"
