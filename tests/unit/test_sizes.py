"""Sizes for people."""

import pytest

from api.schemas.rollback import for_people


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1_000, "1.0KB"),
        (1_234, "1.2KB"),
        (9_949, "9.9KB"),
        (9_960, "10KB"),
        (150_000_000, "150MB"),
        (999_600, "1.0MB"),
        (5 * 10**12, "5000GB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(size: int, text: str) -> None:
    assert for_people(size) == text
