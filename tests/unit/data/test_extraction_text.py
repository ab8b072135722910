"""Lines of names, and cards that repeat each other."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from circuitgcl.data.extraction_text import first_lines, repeated_cards

TEXT = """* about x/net[1] and ab
.subckt t ab
C1 a 0 1.23456f
C2 x/net[1] "a b" 2f
C3 ab b 3f
.ends
"""


@pytest.mark.parametrize("zipped", [True, False])
def test_first_lines(zipped: bool, tmp_path: Path):
    path = tmp_path / "x.sp"
    path.write_bytes(gzip.compress(TEXT.encode()) if zipped else TEXT.encode())
    assert first_lines(path, ["a", "ab", "x/net[1]", "b", "net", "gone"]) == {
        "a": 3,
        "ab": 1,
        "x/net[1]": 1,
        "b": 4,
    }


def test_lines_beyond_the_first_block(tmp_path: Path):
    path = tmp_path / "x.sp"
    path.write_text("".join(f"C{number} n{number} 0 1.5f\n" for number in range(200_000)))
    assert first_lines(path, ["n0", "n199999", "n77"]) == {"n0": 1, "n77": 78, "n199999": 200_000}


def cards(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "x.sp"
    path.write_text("\n".join(["* t", *lines, ""]))
    return path


def test_repeated_cards(tmp_path: Path):
    found = repeated_cards(cards(tmp_path, "C1 a b 1.23456f", "C2 a c 2.34567f", "C3 b a 1.23456f"))
    assert found is not None
    assert (found.couplings, found.repeated, found.first_line, found.first_pair) == (2, 1, 4, ("b", "a"))


@pytest.mark.parametrize(
    "lines",
    [
        ("C1 a b 1.23456f", "C2 a b 1.23457f"),  # parallel ones of another value
        ("C1 a 0 1.23456f", "C2 a 0 1.23456f"),  # to ground
        ("C1 a b 1.23456f", "C2 a c 1.23456f"),
        ("C1 a b 1f", "C2 a b 1f", *(f"C{n}x a n{n} 1f" for n in range(20))),  # rounded and rare
    ],
)
def test_cards_that_do_not_repeat(lines: tuple[str, ...], tmp_path: Path):
    assert repeated_cards(cards(tmp_path, *lines)) is None


def test_rounded_values_count_when_they_are_many(tmp_path: Path):
    lines = [f"C{n}{copy} a n{n} {n}f" for n in range(1, 9) for copy in "xy"]
    found = repeated_cards(cards(tmp_path, *lines))
    assert found is not None
    assert (found.couplings, found.repeated) == (8, 8)


def test_other_formats_are_left_to_their_readers(tmp_path: Path):
    path = tmp_path / "x.spef"
    path.write_text('*SPEF "IEEE 1481-1998"\nC1 a b 1.23456f\nC2 a b 1.23456f\n')
    assert repeated_cards(path) is None
