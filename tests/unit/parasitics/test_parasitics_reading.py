from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import circuitgcl.parasitics as room
from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import ExtractionFormat, read_parasitics
from circuitgcl.parasitics.reading import _READERS, sniff_format

SPICE = "* a\n.subckt t gnd\nC1 a gnd 1f\nC2 a 0 2f\nC3 a b 4f\n.ends\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SPICE, ExtractionFormat.SPICE),
        ("*|P M1:G n M1:G\nC1 M1:G n 1f\n", ExtractionFormat.SPICE),
        ("*\n*|DSPF 1.3\n", ExtractionFormat.DSPF),
        ("*|GROUND_NET 0\n", ExtractionFormat.DSPF),
        ("*|NET a 0.1PF\n*|P (a I 0 1 2)\n", ExtractionFormat.DSPF),
        ('*SPEF "IEEE 1481-1998"\n*DESIGN "x"\n', ExtractionFormat.SPEF),
        (
            "timestamp 1600000000\nversion 8.3\ntech sky130A\nscale 1000 1 500000\n",
            ExtractionFormat.MAGIC_EXT,
        ),
        ("\n<!DOCTYPE html>\n<html>", ExtractionFormat.MARKUP),
    ],
)
def test_format_is_told_from_content(tmp_path: Path, text: str, kind: ExtractionFormat) -> None:
    assert sniff_format(text.encode()) is kind
    if kind not in _READERS:
        path = tmp_path / "x.sp.gz"
        path.write_bytes(gzip.compress(text.encode()))
        with pytest.raises(ParasiticsError, match=f"x.sp.gz:1: this looks like {kind.value}"):
            read_parasitics(path)


def test_ground_names_are_an_option(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text(SPICE)
    assert read_parasitics(path).nodes == ("a", "gnd", "b")
    tied = read_parasitics(path, ground_names=["GND"])
    assert tied.nodes == ("a", "b")
    np.testing.assert_allclose(tied.ground_farad, [3e-15, 0])
    np.testing.assert_allclose(tied.pair_farad, [4e-15])


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_bytes(b"")
    with pytest.raises(ParasiticsError, match="empty"):
        read_parasitics(path)


def test_public_names_exist() -> None:
    assert sorted(room.__all__) == list(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)
