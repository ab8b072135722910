from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import circuitgcl.parasitics as room
from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import ExtractionFormat, SkippedCards, read_parasitics
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
        ('# comment\nVERSION 5.8 ;\nDIVIDERCHAR "/" ;\n', ExtractionFormat.LAYOUT),
        ("/* x */\nlibrary (cells) {\n", ExtractionFormat.LIBERTY),
        ("module top (a, b);\n", ExtractionFormat.VERILOG),
        ("simulator lang=spectre\nc1 (a 0) capacitor c=1f\n", ExtractionFormat.SPICE),
    ],
)
def test_format_is_told_from_content(tmp_path: Path, text: str, kind: ExtractionFormat) -> None:
    assert sniff_format(text.encode()) is kind
    if kind not in _READERS:
        path = tmp_path / "x.sp.gz"
        path.write_bytes(gzip.compress(text.encode()))
        with pytest.raises(ParasiticsError, match=f"x.sp.gz:1: this looks like {kind.value}"):
            read_parasitics(path)


@pytest.mark.parametrize(
    ("name", "promised"),
    [("x.spef", "SPEF"), ("x.SPEF.gz", "SPEF"), ("x.dspf", "DSPF"), ("x.ext", "Magic .ext")],
)
def test_a_name_over_the_content_of_another_format(name: str, promised: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(SPICE.encode()) if name.endswith(".gz") else SPICE.encode())
    with pytest.raises(
        ParasiticsError, match=f"{name}:1: this looks like SPICE C-netlist, but .* stands for {promised};"
    ):
        read_parasitics(path)


@pytest.mark.parametrize("name", ["x.spf", "x.pex.netlist", "x", "spef"])
def test_other_names_promise_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(SPICE)
    assert read_parasitics(path).nets == ("a", "gnd", "b")


def test_ground_names_are_an_option(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text(SPICE)
    assert read_parasitics(path).nodes == ("a", "gnd", "b")
    tied = read_parasitics(path, ground_names=["GND"])
    assert tied.nodes == ("a", "b")
    np.testing.assert_allclose(tied.ground_farad, [3e-15, 0])
    np.testing.assert_allclose(tied.pair_farad, [4e-15])


@pytest.mark.parametrize("ground", ["VSUBS", "gnd!", "vss", "0!"])
def test_ground_is_recognised_where_nothing_goes_to_node_0(tmp_path: Path, ground: str) -> None:
    path = tmp_path / "x.sp"
    path.write_text(f"C1 a {ground} 1f\nC2 b {ground} 2f\nC3 a b 4f\n")
    found = read_parasitics(path)
    assert found.nodes == ("a", "b")
    assert found.ground_farad.tolist() == [1e-15, 2e-15]
    assert found.skipped_cards == (
        SkippedCards(kind=f"net {ground}, taken for the reference node", count=1, first_line=1),
    )
    path.write_text(path.read_text() + "C4 b 0 8f\n")  # now there is another, and this one is metal like all
    assert read_parasitics(path).nodes == ("a", ground, "b")
    path.write_text("C1 a vdd 1f\n")
    assert read_parasitics(path).nodes == ("a", "vdd")


def test_one_of_several_designs(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text(".subckt t a\nC1 a 0 1f\n.ends\n.subckt u b\nC1 b 0 2f\n.ends\n")
    with pytest.raises(ParasiticsError, match=r"x.sp:4: subcircuit u has capacitors.*choose with top='u'"):
        read_parasitics(path)
    assert read_parasitics(path, top="u").nets == ("b",)
    with pytest.raises(ParasiticsError, match="there is no subcircuit 'v'"):
        read_parasitics(path, top="v")
    path.write_text("*|DSPF 1.3\n*|DESIGN t\n*|NET a 1FF\nC1 a 0 1f\n")
    assert read_parasitics(path, top="T").nets == ("a",)
    with pytest.raises(ParasiticsError, match="there is no u in this file; it holds t"):
        read_parasitics(path, top="u")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_bytes(b"")
    with pytest.raises(ParasiticsError, match="empty"):
        read_parasitics(path)


def test_public_names_exist() -> None:
    assert sorted(room.__all__) == list(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)
