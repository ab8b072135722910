from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.parasitics import Parasitics, SkippedCards, read_spice, to_net_level
from circuitgcl.parasitics.spice.resistive import BETWEEN_NETS, PORTS_JOINED

FLAT = """* flat, with resistance
.subckt inv A Y VDD GND
MM0 N_Y_MM0_d N_A_MM0_g N_GND_MM0_s GND nch L=5e-08 W=2e-07
MM1 N_Y_MM1_d N_A_MM1_g VDD VDD pch L=5e-08 W=4e-07
R1 A N_A_c_1_n 10
R2 N_A_c_1_n N_A_MM0_g 11.5
R3 N_A_c_1_n N_A_MM1_g 1.15k
R4 Y N_Y_MM0_d 3
R5 Y N_Y_MM1_d 4
R6 GND N_GND_MM0_s 1
C1 N_A_c_1_n 0 1f
C2 N_A_MM0_g N_Y_MM0_d 2f
C3 A N_Y_c_7_n 4f
C4 N_GND_MM0_s A 8f
C5 N_A_MM0_g N_A_c_1_n 16f
.ends
"""


def read(tmp_path: Path, text: str) -> Parasitics:
    path = tmp_path / "x.sp"
    path.write_text(text)
    return read_spice(path)


def named(found: Parasitics) -> dict[tuple[str, str], float]:
    """Couplings in femtofarad by the names of both nodes."""
    return {
        (found.nodes[a], found.nodes[b]): round(f * 1e15, 9)
        for a, b, f in zip(
            found.pair_a.tolist(), found.pair_b.tolist(), found.pair_farad.tolist(), strict=True
        )
    }


def loads(found: Parasitics) -> dict[str, float]:
    """Ground capacitance in femtofarad by net, of nets that have more than the pins `d g s`."""
    whole = to_net_level(found)
    farad = dict(zip(whole.nets, whole.ground_farad.tolist(), strict=True))
    return {net: round(value * 1e15, 9) for net, value in farad.items() if net not in {*"dgs"} or value}


def test_calibre_names_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, FLAT)
    assert found.design == "inv"
    assert set(found.nets) == {"A", "Y", "VDD", "GND"}
    on_net = {node: found.nets[net] for node, net in zip(found.nodes, found.node_net, strict=True)}
    assert on_net == {
        **{"A": "A", "N_A_MM0_g": "A", "Y": "Y", "N_Y_MM0_d": "Y"},
        **{"GND": "GND", "N_GND_MM0_s": "GND", "VDD": "VDD"},
    }
    pins = {node: set(found.pins_of(i)) for i, node in enumerate(found.nodes)}
    assert pins == {
        **{"A": {"MM1:G"}, "N_A_MM0_g": {"MM0:G"}, "Y": {"MM1:D"}, "N_Y_MM0_d": {"MM0:D"}},
        **{"GND": {"MM0:B"}, "N_GND_MM0_s": {"MM0:S"}, "VDD": {"MM1:S", "MM1:B"}},
    }
    assert {frozenset(pair): f for pair, f in named(found).items()} == {
        frozenset({"N_A_MM0_g", "N_Y_MM0_d"}): 2,
        frozenset({"A", "Y"}): 4,
        frozenset({"N_GND_MM0_s", "A"}): 8,
        frozenset({"N_A_MM0_g", "A"}): 16,
    }
    assert loads(found)["A"] == 1
    assert {frozenset(pair): f for pair, f in named(to_net_level(found)).items()} == {
        frozenset({"A", "Y"}): 6,
        frozenset({"A", "GND"}): 8,
    }


@pytest.mark.parametrize("block_bytes", [1, 40, 200])
def test_blocks_and_order_do_not_matter(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    whole = read(tmp_path, FLAT)
    in_blocks(block_bytes)
    lines = FLAT.splitlines(keepends=True)
    devices_last = "".join([*lines[:2], *lines[4:-1], *lines[2:4], lines[-1]])
    for text in (FLAT, devices_last):
        found = read(tmp_path, text)
        assert set(found.nodes) == set(whole.nodes)
        assert set(found.pin_names) == set(whole.pin_names)
        assert loads(found) == loads(whole)
    assert read(tmp_path, FLAT).nodes == whole.nodes
    assert read(tmp_path, FLAT).pin_names == whole.pin_names


@pytest.mark.parametrize("spelling", ["{0}:{1}", "{0}#{1}", "{0}.n{1}", "N_{0}_c_{1}_n", "N_{0}_c_{1}_p"])
@pytest.mark.parametrize("net", ["a", "x1/net_5", "bus[3]", "a_1"])
def test_ways_of_naming(tmp_path: Path, spelling: str, net: str) -> None:
    """Pieces 1-2 and 3-4 are joined, all have one name; a device lies between the two nets."""
    text = "M1 d g s s n\n" * 9
    for one, other in ((1, 2), (3, 4)):
        text += f"R{one} {spelling.format(net, one)} {spelling.format(net, other)} 5\n"
    text += "".join(f"C{i} {spelling.format(net, i)} 0 {i}f\n" for i in range(1, 5))
    text += f"C9 {spelling.format('other', 1)} 0 7f\n"
    assert loads(read(tmp_path, text)) == {net: 10, "other": 7}


def test_digits_behind_a_name_need_the_name(tmp_path: Path) -> None:
    devices = "M1 d g s s n\nM2 d g s s n\nM3 d g s s n\n"
    text = devices + "R1 {0} net_1 5\nR2 net_1 net_2 5\nC1 net_1 0 1f\nC2 net_2 0 2f\nC3 {0} 0 4f\n"
    assert loads(read(tmp_path, text.format("net"))) == {"net": 7}
    found = read(tmp_path, text.format("out"))  # as nets of a schematic are called
    assert loads(found) == {"net_1": 1, "net_2": 2, "out": 4}
    assert SkippedCards(kind=BETWEEN_NETS, count=2, first_line=4) in found.skipped_cards


def test_resistors_between_nets_are_devices(tmp_path: Path) -> None:
    """One resistor joins two named nets; two in a row do so by a node of no net, and then that is a net."""
    text = "".join(f"Ra{i} a:{i} a:{i + 1} 5\nRb{i} b:{i} b:{i + 1} 5\n" for i in range(1, 31))
    text += "R1 a:3 b:2 10k\nR2 a:1 mid 1k\nR3 mid b:1 1k\nR4 a:2 tail 1\nR5 0 a:3 1\n"
    text += "C1 a:3 0 1f\nC2 b:5 0 2f\nC3 mid 0 4f\nC4 tail 0 8f\n"
    found = read(tmp_path, text)
    assert loads(found) == {"a": 9, "b": 2, "mid": 4}
    assert found.skipped_cards == (SkippedCards(kind=BETWEEN_NETS, count=4, first_line=1),)


def test_resistors_with_a_model_are_devices(tmp_path: Path) -> None:
    text = (
        ".subckt t a b c d\nR1 a b rpoly w=1u l=2u\nR2 c d 1k $[rp]\n"
        "R3 a a:1 5 $ metal\nR4 a:1 a:2 r=5\nR5 b c rp\n"
        "C1 a b 1f\nC2 a:2 0 2f\nC3 a b mimcap w=1 l=2\nC4 a b 1p mim\nC5 a b 1p $[mim]\n.ends\n"
    )
    found = read(tmp_path, text)
    assert loads(found) == {"a": 2, "b": 0, "c": 0}
    assert named(found) == {("a", "b"): 1}
    assert set(found.skipped_cards) == {
        SkippedCards(kind="R with a model", count=3, first_line=2),
        SkippedCards(kind="C with a model", count=3, first_line=9),
    }
    assert set(found.pins_of(found.nodes.index("d"))) == {"R2:2"}


def test_networks_without_telling_names(tmp_path: Path) -> None:
    """Where resistors are what the file consists of, they alone tell the nets."""
    text = (
        ".subckt t in out\nR1 in 12 5\nR2 12 13 5\nR3 out 14 5\nC1 12 14 1f\nC2 13 0 2f\nC3 14 0 4f\n.ends\n"
    )
    found = read(tmp_path, text)
    assert loads(found) == {"in": 2, "out": 4}
    assert named(found) == {("in", "out"): 1}
    assert not found.skipped_cards
    joined = read(tmp_path, text.replace("R3 out 14", "R3 out 14 5\nR4 out in"))
    assert loads(joined) == {"in": 6}
    assert set(joined.skipped_cards) == {
        SkippedCards(kind="C within one net", count=1, first_line=2),
        SkippedCards(kind=PORTS_JOINED, count=1, first_line=2),
    }


def test_a_resistor_at_the_end_makes_pins_matter(tmp_path: Path) -> None:
    for end in ("R1 a a:1 5\n", "R1 a\n+ a:1 5", "R1 a a:1 5 $ last"):
        found = read(tmp_path, "C1 a 0 1f\nM1 a:1 a:1 a:1 b n\n" + end)
        assert found.pin_names == ("M1:D", "M1:G", "M1:S", "M1:B")
        assert found.nets == ("a", "b")


def test_capacitance_is_conserved(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    text, ground = "", 0.0
    for i in range(400):
        net, piece = draw.integers(0, 20, 2)
        text += f"R{i} n{net}:{piece} n{net}:{draw.integers(0, 20)} 5\n"
        value = float(draw.uniform(1e-18, 1e-15))
        ground += value
        text += f"Cg{i} n{net}:{piece} 0 {value!r}\n"
    assert read(tmp_path, text).ground_total_farad == pytest.approx(ground, rel=1e-12)
