"""Extractions with levels and includes, in SPICE's and Spectre's language."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, SkippedCards, read_parasitics, read_spice, to_net_level

MAIN = """* File: inv.pex.netlist
* Program "Calibre xRC"
*
.include "inv.pex.netlist.pex"
.subckt inv  GND VDD A Y
*
MM0 N_Y_MM0_d N_A_MM0_g N_GND_MM0_s N_GND_MM0_b NMOS_VTL L=5e-08 W=2e-07
+ AD=2e-14 AS=2e-14
mXI1/MM1 N_Y_XI1/MM1_d N_A_XI1/MM1_g N_VDD_XI1/MM1_s VDD PMOS_VTL L=5e-08 W=4e-07
*
.include "inv.pex.netlist.INV.pxi"
*
.ends
"""
NETWORKS = """.subckt PM_INV%GND 1 2 3
c4 3 0 0.05f
c5 2 0 0.03f
r6 1 2 10
r7 2 3 12
.ends
.subckt PM_INV%VDD 1 2
c4 2 0 0.04f
r6 1 2 10
.ends
.subckt PM_INV%A 1 2 5
c4 9 0 0.02f
c6 5 0 0.01f
r6 1 9 10
r7 9 2 12
r8 9 5 12
.ends
.subckt PM_INV%Y 1 2 7
c4 7 0 0.06f
r6 1 7 10
r7 2 7 12
.ends
"""
PLACES = """x_PM_INV%GND N_GND_MM0_s N_GND_MM0_b GND PM_INV%GND
x_PM_INV%VDD N_VDD_XI1/MM1_s VDD PM_INV%VDD
x_PM_INV%A N_A_MM0_g N_A_XI1/MM1_g A PM_INV%A
x_PM_INV%Y N_Y_MM0_d N_Y_XI1/MM1_d Y PM_INV%Y
cc_1 N_A_MM0_g N_Y_MM0_d 0.5f
cc_2 A Y 0.25f
cc_3 N_A_MM0_g N_GND_MM0_s 0.125f
cc_4 N_A_c_17_n Y 1f
"""
SPECTRE = """// File: inv.spi
simulator lang=spectre
include "/elsewhere/calibre/inv.pex.spi"
subckt inv ( GND VDD A Y )
M0_noxref ( N_Y_M0_noxref_d N_A_M0_noxref_g GND \\
 VDD ) NMOS l=0.163119 w=2.35104 m=1
include "/elsewhere/calibre/inv.pxi.spi"
ends inv
"""
SPECTRE_NETWORKS = r"""simulator lang=spectre
subckt PM_inv\%A ( 1 2 )
c26 ( 5 0 ) capacitor c=0.0625f //x=0.495 //y=0.37
c27 ( 2 0 ) capacitor c=0.5f
c3 ( 6 1 ) mimcap w=1u l=1u c=3f
r35 (  1 5 ) resistor r=4.30252 //w=0.357 //l=0.12 //layer=li \
 //thickness=0.1 //x=1.48 //y=0 //x2=1.6 //y2=0
r36 (  5 2 ) resistor r=4.30252 //w=0.357
ends PM_inv\%A
"""
SPECTRE_PLACES = r"""simulator lang=spectre
x_PM_inv\%A ( A N_A_M0_noxref_g ) PM_inv\%A
cc_1 ( N_Y_M0_noxref_d N_A_M0_noxref_g ) capacitor c=0.25f //x=1
cc_2 ( Y N_Y_c_3_n ) resistor r=3
cc_3 ( N_Y_c_3_n N_Y_M0_noxref_d ) resistor r=3
cc_4 ( N_Y_c_3_n A ) capacitor c=0.125f
"""


def calibre(folder: Path) -> Path:
    (folder / "inv.pex.netlist").write_text(MAIN)
    (folder / "inv.pex.netlist.pex").write_text(NETWORKS)
    (folder / "inv.pex.netlist.INV.pxi").write_text(PLACES)
    return folder / "inv.pex.netlist"


def loads(found: Parasitics) -> dict[str, float]:
    return {
        node: round(f * 1e15, 9)
        for node, f in zip(found.nodes, found.ground_farad.tolist(), strict=True)
        if f
    }


def couplings(found: Parasitics) -> dict[frozenset[str], float]:
    return {
        frozenset({found.nodes[a], found.nodes[b]}): round(f * 1e15, 9)
        for a, b, f in zip(
            found.pair_a.tolist(), found.pair_b.tolist(), found.pair_farad.tolist(), strict=True
        )
    }


def test_calibre_with_includes_by_hand(tmp_path: Path) -> None:
    found = read_parasitics(calibre(tmp_path))
    assert (found.design, found.source) == ("inv", "inv.pex.netlist")
    assert set(found.nets) == {"GND", "VDD", "A", "Y"}
    assert loads(found) == {"GND": 0.05, "N_GND_MM0_b": 0.03, "VDD": 0.04, "A": 0.03, "Y": 0.06}
    assert couplings(found) == {
        frozenset({"N_A_MM0_g", "N_Y_MM0_d"}): 0.5,
        frozenset({"A", "Y"}): 1.25,
        frozenset({"N_A_MM0_g", "N_GND_MM0_s"}): 0.125,
    }
    pins = {node: set(found.pins_of(i)) for i, node in enumerate(found.nodes) if found.pins_of(i)}
    assert pins == {
        **{
            "N_A_MM0_g": {"MM0:G"},
            "N_Y_MM0_d": {"MM0:D"},
            "N_GND_MM0_s": {"MM0:S"},
            "N_GND_MM0_b": {"MM0:B"},
        },
        **{"A": {"mXI1/MM1:G"}, "Y": {"mXI1/MM1:D"}, "VDD": {"mXI1/MM1:S", "mXI1/MM1:B"}},
    }
    whole = to_net_level(found)
    assert loads(whole) == {"GND": 0.08, "VDD": 0.04, "A": 0.03, "Y": 0.06}
    assert couplings(whole) == {frozenset({"A", "Y"}): 1.75, frozenset({"A", "GND"}): 0.125}
    assert {card.kind for card in found.skipped_cards} == {"nmos", "pmos"}


def test_one_file_or_several_or_zipped(tmp_path: Path) -> None:
    expected = read_parasitics(calibre(tmp_path))
    (tmp_path / "inv.pex.netlist.pex").write_bytes(gzip.compress(NETWORKS.encode()))
    assert loads(read_parasitics(tmp_path / "inv.pex.netlist")) == loads(expected)
    text = MAIN.replace('.include "inv.pex.netlist.pex"\n', NETWORKS)
    single = tmp_path / "inv.netlist.gz"
    single.write_bytes(gzip.compress(text.replace('.include "inv.pex.netlist.INV.pxi"\n', PLACES).encode()))
    assert loads(read_parasitics(single)) == loads(expected)
    assert couplings(read_parasitics(single)) == couplings(expected)


def test_spectre_by_hand(tmp_path: Path) -> None:
    """The files were moved: the absolute paths of the includes lead nowhere, but they lie beside."""
    (tmp_path / "inv.spi").write_text(SPECTRE)
    (tmp_path / "inv.pex.spi").write_text(SPECTRE_NETWORKS)
    (tmp_path / "inv.pxi.spi").write_text(SPECTRE_PLACES)
    found = read_parasitics(tmp_path / "inv.spi")
    assert set(found.nets) == {"GND", "VDD", "A", "Y"}
    assert loads(found) == {"A": 0.0625, "N_A_M0_noxref_g": 0.5}
    assert couplings(found) == {
        frozenset({"N_A_M0_noxref_g", "N_Y_M0_noxref_d"}): 0.25,
        frozenset({"A", "Y"}): 0.125,
    }
    assert [(card.kind, card.count) for card in found.skipped_cards] == [("nmos", 1), ("C with a model", 1)]


@pytest.mark.parametrize("form", ["c{} ({} {}) capacitor c={}", "c{} {} {} capacitor c={} m=1"])
@pytest.mark.parametrize("language", ["simulator lang=spectre\n", "// extracted\n"])
def test_flat_spectre(tmp_path: Path, form: str, language: str) -> None:
    path = tmp_path / "x.scs"
    cards = [
        form.format(i, *ends)
        for i, ends in enumerate([("a", "0", "1f"), ("a", "b", "2e-15"), ("b", "0", "4f")])
    ]
    path.write_text(language + "\n".join(cards) + "\n")
    found = read_parasitics(path)
    assert loads(found) == {"a": 1, "b": 4}
    assert couplings(found) == {frozenset({"a", "b"}): 2}


@pytest.mark.parametrize("block_bytes", [1, 9, 1 << 20])
def test_levels_show_across_blocks(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    path = tmp_path / "top.sp"
    path.write_text(".subckt\n+ cell a k=1\nC0 a 0 '2f*k'\n.ends\nX1 p\n+ cell k=3\n")
    in_blocks(block_bytes)
    assert loads(read_spice(path)) == {"p": 6}


@pytest.mark.parametrize("block_bytes", [1, 9, 1 << 20])
def test_continued_statements_define_nothing_in_any_block(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    path = tmp_path / "x.sp"
    path.write_text("+ C9 a b 1f\n.subckt cell a b\nC1 a b 2f\n\n\n+ .subckt cell a b\n.ends\n")
    in_blocks(block_bytes)
    with pytest.raises(ParasiticsError, match=r"x\.sp:1: continuation line"):
        read_spice(path)


@pytest.mark.parametrize("block_bytes", [1, 9, 1 << 20])
def test_a_node_that_opens_a_parenthesis_is_one_in_any_block(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    path = tmp_path / "x.sp"
    path.write_text("* flat\nC0 ( 0 1f\nC1 a b 2f $ (remark)\nC2 b 0 3f\n")
    in_blocks(block_bytes)
    found = read_spice(path)
    assert found.nodes == ("(", "a", "b")
    assert found.ground_farad.tolist() == [1e-15, 0.0, 3e-15]


def test_magic_hierarchy(tmp_path: Path) -> None:
    """Two uses of a cell; the parent takes back what the cells counted, with a negative capacitor."""
    path = tmp_path / "top.spice"
    path.write_text(
        ".subckt inv a y\nX0 y a vss vss sky130_fd_pr__nfet_01v8 w=1 l=0.15\nC0 a y 2f\nC1 y 0 1f\n.ends\n"
        "Xu1 in mid inv\nXu2 mid out inv\nC0 in mid -0.5f\nC1 mid vss 0.25fF\nC2 out out 9f\n"
    )
    found = read_parasitics(path)
    assert loads(found) == {"mid": 1, "out": 1}
    assert couplings(found) == {
        frozenset({"in", "mid"}): 1.5,
        frozenset({"mid", "out"}): 2,
        frozenset({"mid", "vss"}): 0.25,
    }
    assert {(card.kind, card.count) for card in found.skipped_cards} == {
        ("nmos", 2),
        ("C with both ends on one node", 1),
        ("negative C, summed", 1),
    }


def test_parameters_and_multipliers(tmp_path: Path) -> None:
    path = tmp_path / "top.sp"
    path.write_text(
        ".param unit=2f\n.subckt cell a k=1\nC0 a 0 'unit*k'\n.ends\n"
        "X1 p cell k=3\nX2 q cell m=5\nC9 p q 1f\n"
    )
    assert loads(read_parasitics(path)) == {"p": 6, "q": 10}


def test_a_port_called_ground_is_not_node_0(tmp_path: Path) -> None:
    path = tmp_path / "top.sp"
    cell = ".subckt cell a gnd\nC0 a gnd 1f\nC1 a 0 2f\n.ends\n"
    path.write_text(cell + ".subckt top a vdd GND\nX1 a GND cell\nC0 vdd 0 4f\nC1 vdd GND 8f\n.ends\n")
    found = read_parasitics(path)
    assert loads(found) == {"a": 2, "vdd": 4}
    assert couplings(found) == {frozenset({"a", "GND"}): 1, frozenset({"vdd", "GND"}): 8}
    assert loads(read_parasitics(path, ground_names=["gnd"])) == {"a": 3, "vdd": 12}


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "words"),
    [
        ("inv.pex.netlist.INV.pxi", PLACES, "", "inv.pex.netlist.INV.pxi", "empty"),
        ("inv.pex.netlist", "INV.pxi", "gone.pxi", "inv.pex.netlist:11", "gone.pxi does not exist"),
        ("inv.pex.netlist", '"inv.pex', '"/gone.pex', "inv.pex.netlist:4", "holds part of the extraction"),
        (
            "inv.pex.netlist.INV.pxi",
            "PM_INV%Y\n",
            "PM_INV%Z\n",
            "INV.pxi:4",
            "'PM_INV%Z', which is not defined",
        ),
        ("inv.pex.netlist.INV.pxi", "cc_2 A Y 0.25f", "cc_2 A", "INV.pxi:6", "cc_2"),
        ("inv.pex.netlist", '.include "inv.pex.netlist.pex"', "*", "INV.pxi:", "which is not defined"),
        ("inv.pex.netlist.INV.pxi", "N_Y_MM0_d N_Y_XI1/MM1_d Y", "N_Y_MM0_d Y", "INV.pxi:4", "has 3 ports"),
    ],
)
def test_faults_are_located(tmp_path: Path, name: str, old: str, new: str, where: str, words: str) -> None:
    main = calibre(tmp_path)
    path = tmp_path / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ParasiticsError) as caught:
        read_parasitics(main)
    assert where in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parts_alone(tmp_path: Path) -> None:
    calibre(tmp_path)
    with pytest.raises(ParasiticsError, match="networks of single nets; expected the netlist that includes"):
        read_parasitics(tmp_path / "inv.pex.netlist.pex")
    with pytest.raises(ParasiticsError, match=r"pxi:\d: x_PM_INV%\w+ instantiates subcircuit .* not defined"):
        read_parasitics(tmp_path / "inv.pex.netlist.INV.pxi")


def test_instances_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "top.sp"
    path.write_text(".subckt cell a\nC0 a i 1f\n.ends\nX1 p cell\nX1 q cell\n")
    with pytest.raises(ParasiticsError, match="two nets are called X1/i; expected instances with names of"):
        read_parasitics(path)


def test_models_that_are_elsewhere_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "top.sp"
    path.write_text(".include /pdk/models.sp\n.lib /pdk/all.lib tt\n.include gone.inc\nC1 a 0 1f\n")
    found = read_spice(path)
    assert loads(found) == {"a": 1}
    assert set(found.skipped_cards) == {
        SkippedCards(kind=".include", count=2, first_line=1),
        SkippedCards(kind=".lib", count=1, first_line=2),
    }
