"""Explicit name maps: columns, comments, and bad input as located lines."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import NameMap, read_name_map


def write(folder: Path, text: str) -> Path:
    path = folder / "names.map"
    path.write_text(text)
    return path


def test_columns_comments_and_repetition(tmp_path: Path):
    text = (
        "# extracted schematic\n\na_1_2#  xa/n   # why\nb\tq[0]\n* no\n; no\n// no\nb q[0]\nc q[0] // piece\n"
    )
    found = read_name_map(write(tmp_path, text))
    assert list(found) == [("a_1_2#", "xa/n"), ("b", "q[0]"), ("c", "q[0]")]
    assert found.lines == (3, 4, 9)
    assert len(found) == 3


def test_positions_prefer_the_exact_spelling():
    names = NameMap(path="m", extracted=("n", "M"), schematic=("Q", "r"), lines=(1, 2))
    assert names.positions(["N", "n", "m"], ["q", "Q", "R"]) == ([1, 2], [1, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b\nc\n", r"names\.map:2: 1 name in this line; expected two"),
        ("a b c\n", r"names\.map:1: 3 names in this line"),
        ("a b\na c\n", r"names\.map:2: a is mapped to c here, and to b in line 1"),
        ("", r"names\.map: this map is empty"),
        ("# only\n", r"names\.map: this map is empty"),
        ("a \0b\n", r"names\.map:1: this is a binary file"),
    ],
)
def test_bad_maps(text: str, message: str, tmp_path: Path):
    with pytest.raises(ParasiticsError, match=message):
        read_name_map(write(tmp_path, text))


def test_no_file(tmp_path: Path):
    with pytest.raises(ParasiticsError, match=r"nix: cannot read this file"):
        read_name_map(tmp_path / "nix")


def test_unknown_names_are_located():
    names = NameMap(path="m", extracted=("net_a",), schematic=("q",), lines=(7,))
    with pytest.raises(
        ParasiticsError, match=r"^m:7: no net of the extraction is called net_a; .*such as net_b\.$"
    ):
        names.positions(["net_b", "x"], ["q"])
    with pytest.raises(ParasiticsError, match=r"^m:7: no net of the schematic is called q; expected a name"):
        names.positions(["net_a"], ["zzz"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=80))
def test_any_bytes_are_a_map_or_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "names.map"
    path.write_bytes(content)
    with contextlib.suppress(ParasiticsError):
        found = read_name_map(path)
        assert len(set(found.extracted)) == len(found) > 0
