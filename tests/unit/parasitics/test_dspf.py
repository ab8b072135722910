from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, SkippedCards, read_dspf, read_parasitics, to_net_level
from circuitgcl.units import parse_farad

AMP = """*|DSPF 1.3
*|DESIGN "amp"
*|DIVIDER /
*|DELIMITER :
*|BUSBIT []
*|GROUND_NET 0 VSS
* Net Section
.SUBCKT amp in out VSS
*|NET in 0.0046PF
*|P (in I 0 1 2)
*|I (x1/M1:G x1/M1 G I 0 1 2)
*|S (in:1 1 2)
*|S (in:2 1 2) // $llx=1 $lly=2
R1 in in:1 10
C1 in:1 0 1.6f
C2 in:1 out:7 2e-15
C3 x1/M1:G VSS:3 1FF
*|NET out 3FF
*|I (x1/M1:D x1/M1 D I 0 1 2)
*|S (out:7 1 2)
R1 out out:7 10
C4 out:7 VSS 1f
*|NET VSS 1PF
*|S (VSS:3 1 1)
*
* Instance Section
*
MM1 x1/M1:D x1/M1:G VSS VSS nmos
+ w=1u
C9 in out 1p
.ENDS
"""


def read(tmp_path: Path, text: str | bytes, name: str = "d.dspf") -> Parasitics:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_dspf(path)


def couplings(found: Parasitics) -> dict[tuple[str, str], float]:
    return {
        (found.nodes[a], found.nodes[b]): f
        for a, b, f in zip(found.pair_a, found.pair_b, found.pair_farad.tolist(), strict=True)
    }


def kinds(found: Parasitics) -> dict[str, tuple[int, int]]:
    return {card.kind: (card.count, card.first_line) for card in found.skipped_cards}


def test_pin_level_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, AMP)
    assert found.design == "amp"
    assert found.source == "d.dspf"
    assert found.nets == ("in", "out")
    assert found.nodes == ("in", "x1/M1:G", "out")
    np.testing.assert_array_equal(found.node_net, [0, 0, 1])
    np.testing.assert_allclose(found.ground_farad, [1.6e-15, 1e-15, 1e-15], rtol=1e-15)
    assert couplings(found) == {("in", "out"): 2e-15}
    assert found.pins_of(1) == ("x1/M1:G",)
    assert found.pins_of(2) == ("x1/M1:D",)  # nothing ends on it: it lies on the metal of its net
    assert kinds(found) == {"R": (2, 14), "device": (1, 28), "C outside the nets": (1, 30)}
    assert to_net_level(found).nodes == ("in", "out")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(".SUBCKT", ".subckt").replace("*|NET", "*|net").replace("*|S", "*|s"),
        lambda text: text.replace("\nC", "\nc").replace("\nR", "\nr"),
        lambda text: text.replace("*|S (", "*|S(").replace("*|I (", "*|I("),
        lambda text: text.replace("x1/M1 G I", "x1/M1\n+ G I"),
        lambda text: text.replace("GROUND_NET 0 VSS", "GROUND_NET 0\n+ vss"),
        lambda text: text.replace("GROUND_NET 0 VSS", "GROUND_NET 0\n*|GROUND_NET VSS"),
        lambda text: text.replace("C2 in:1", "* remark\nC2 in:1\n\n+").replace("2e-15", "c=2f $ remark"),
        lambda text: text.replace("*|S (in:1 1 2)\n", "").replace("*|S (out:7 1 2)\n", ""),
        lambda text: text.replace("in:1", "in:a").replace("out:7", "out:b7"),
        lambda text: text.replace("in:1", "XI9#4").replace("out:7", "other"),
        lambda text: text.replace(":", "|").replace("DELIMITER |", "DELIMITER |"),
        lambda text: text.replace(" 1 2)", ")"),
        lambda text: text.replace("0.0046PF", "4.6e-15").replace("1.6f", "0.0016PF"),
        lambda text: gzip.compress(text.encode()),
    ],
)
def test_spellings_of_the_same(tmp_path: Path, change: object) -> None:
    text = change(AMP)  # type: ignore[operator]
    expected, found = read(tmp_path, AMP), read(tmp_path, text)
    assert [node.replace("|", ":") for node in found.nodes] == list(expected.nodes)
    np.testing.assert_allclose(found.ground_farad, expected.ground_farad, rtol=1e-14)
    np.testing.assert_allclose(found.pair_farad, expected.pair_farad, rtol=1e-14)
    np.testing.assert_array_equal(found.node_net, expected.node_net)
    assert "*|NET total unlike its capacitors" not in kinds(found)


SIDES = """*|NET a 5f
*|S (a:1 0 0)
*|S (a:2 0 0)
C1 a:1 0 1f
C2 a:1 b:1 3f
C3 b:2 a:2 1f
*|NET b 4f
*|S (b:1 0 0)
*|S (b:2 0 0)
C4 b:2 a:2 1f
C5 a:1 b:1 3f
"""


def test_coupling_of_both_sections_is_counted_once(tmp_path: Path) -> None:
    found = read(tmp_path, SIDES)
    assert couplings(found) == {("a", "b"): pytest.approx(4e-15, rel=1e-14)}
    assert kinds(found) == {"C listed by both nets, counted once": (2, 5)}


@pytest.mark.parametrize(
    ("old", "new", "total"),
    [
        ("C5 a:1 b:1 3f", "C5 a:1 b:1 2f", 7e-15),  # another value
        ("C5 a:1 b:1 3f", "C5 a:2 b:1 3f", 8e-15),  # other sub-nodes
        ("C5 a:1 b:1 3f\n", "", 5e-15),  # not all of them
    ],
)
def test_alike_is_not_the_same(tmp_path: Path, old: str, new: str, total: float) -> None:
    assert read(tmp_path, SIDES.replace(old, new)).coupling_total_farad == pytest.approx(total, rel=1e-14)


def test_one_pair_listed_once_means_all_are(tmp_path: Path) -> None:
    found = read(tmp_path, SIDES + "*|NET c 1f\nC6 c a 1f\n")
    assert found.coupling_total_farad == pytest.approx(9e-15, rel=1e-14)
    assert kinds(found)["C listed by both nets, others not: counted twice"] == (2, 5)


def test_a_ground_section_of_the_doubled_kind_is_not_counted(tmp_path: Path) -> None:
    ground = "*|NET VSS 1f\nC7 VSS:1 a:1 1f\n"
    header = "*|GROUND_NET VSS\n"
    doubled = read(tmp_path, header + SIDES.replace("C1 a:1 0", "C1 a:1 VSS:1") + ground)
    assert doubled.ground_total_farad == pytest.approx(1e-15)
    once = read(tmp_path, header + "*|NET a 1f\nC1 a 0 1f\n" + ground)
    assert once.ground_total_farad == pytest.approx(2e-15)


def test_totals_are_compared_within_their_digits(tmp_path: Path) -> None:
    good = "*|NET a 0.0046PF\nC1 a 0 4.64f\n*|NET b 1f\nC2 b a 1f\n"
    assert "*|NET total unlike its capacitors" not in kinds(read(tmp_path, good))
    bad = good.replace("4.64f", "4.66f").replace("*|NET b 1f", "*|NET b 2f")
    assert kinds(read(tmp_path, bad))["*|NET total unlike its capacitors"] == (2, 1)


def test_names_declared_after_their_use(tmp_path: Path) -> None:
    text = "*|NET a 0\nC1 a:1 b:2 1f\nC2 a:1 x:9 2f\nC3 a:1 M2:G 4f\n"
    text += "*|NET b 0\n*|I (x:9 x 9 B 0)\n*|NET c 0\n*|I (M2:G M2 G B 0)\n"
    found = read(tmp_path, text)
    assert found.nodes == ("a", "b", "x:9", "M2:G")
    assert couplings(found) == {("a", "b"): 1e-15, ("a", "x:9"): 2e-15, ("a", "M2:G"): 4e-15}
    assert [found.nets[i] for i in found.node_net] == ["a", "b", "b", "c"]


def test_a_net_may_be_called_like_a_subnode_of_another(tmp_path: Path) -> None:
    found = read(tmp_path, "*|NET a 0\nC1 a:1 0 1f\nC2 a:2 0 2f\n*|NET a:2 0\nC3 a:2 a 4f\n")
    assert found.nodes == ("a", "a:2")
    np.testing.assert_allclose(found.ground_farad, [1e-15, 2e-15])
    assert couplings(found) == {("a", "a:2"): 4e-15}


def test_a_pin_may_be_called_like_a_subnode_of_a_later_net(tmp_path: Path) -> None:
    found = read(
        tmp_path, "*|NET a 0\n*|I (b:1 b 1 B 0)\nC1 a:1 b:1 1f\n*|NET b 0\nC2 b:1 b:2 2f\nC3 b:2 0 4f\n"
    )
    assert [found.nets[i] for i in found.node_net] == ["a", "a", "b"]
    assert couplings(found) == {("a", "b:1"): 1e-15, ("b:1", "b"): 2e-15}


def test_subnodes_of_subnodes(tmp_path: Path) -> None:
    found = read(
        tmp_path, "*|NET b 0\n*|NET a 0\nC1 a:1:2 b 1f\nC2 a:1 0 2f\nC3 a:1:G 0 4f\n*|I (a:1:G a:1 G I 0)\n"
    )
    assert found.nodes == ("b", "a", "a:1:G")
    assert couplings(found) == {("b", "a"): 1e-15}
    assert found.ground_farad.tolist() == [0, 2e-15, 4e-15]


def test_a_subnode_may_be_called_like_one_of_a_port_without_section(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ".subckt t in out\n*|NET in 0\n*|S (in:1 1 2)\n*|S (in:2 1 2) // remark\n*|S (out:7 1 2)\n"
        "C1 out:7 0 1f\nC2 out:7 in:1 2f\n.ends\n",
    )
    assert found.nets == ("in",)
    assert found.ground_farad.tolist() == [1e-15]


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_ground_may_be_declared_late(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    in_blocks(block_bytes)
    found = read(tmp_path, "*|NET a 3FF\nC1 a VSS 1f\nC2 a VSS:3 2f\n*|GROUND_NET 0 VSS\n")
    assert found.nets == ("a",)
    assert found.ground_farad == pytest.approx([3e-15], rel=1e-12)


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
@pytest.mark.parametrize("nets", [("in", "out"), ("out", "in")])
def test_a_subnode_lies_on_one_net_only(
    tmp_path: Path, in_blocks: Callable[[int], None], nets: tuple[str, str], block_bytes: int
) -> None:
    in_blocks(block_bytes)
    text = "".join(f"*|NET {net} 1FF\n*|S (out:7 1 2)\nC{net} {net} 0 1f\n" for net in nets)
    with pytest.raises(ParasiticsError, match=rf":5: node out:7 lies on net {nets[0]} by another line"):
        read(tmp_path, text)


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_capacitors_within_the_ground_are_counted(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    in_blocks(block_bytes)
    found = read(
        tmp_path,
        "*|GROUND_NET 0 VSS\n*|NET in 1FF\nC1 in 0 1f\n*|NET VSS 0\nC2 out:7 VSS 1f\n*|S (out:7 1 2)\n",
    )
    notes = {card.kind: card.count for card in found.skipped_cards}
    assert found.nets == ("in",)
    assert notes == {"C within one net": 1}


def test_a_port_without_section_is_a_net(tmp_path: Path) -> None:
    found = read(tmp_path, ".subckt t a vdd\n*|NET a 0\nC1 a vdd 1f\n.ends\n")
    assert found.nets == ("a", "vdd")
    assert found.design == "t"


def test_sections_in_blocks_of_any_size(tmp_path: Path, in_blocks: Callable[[int], None]) -> None:
    nets = [
        f"*|NET n{i} {i % 7 + 2}f\n"
        + "".join(f"*|S (n{i}:{k} {k} 0)\n" for k in range(1, 5))
        + f"R{i} n{i}:1 n{i}:2 1\nC{i} n{i}:3 0 {i % 7 + 1}f\nCc{i} n{i}:4 n{(i + 1) % 3000}:1 1f\n"
        for i in range(3000)
    ]
    text = ".subckt big\n" + "".join(nets) + ".ends\n"
    found = read(tmp_path, text)
    np.testing.assert_allclose(found.ground_farad, [(i % 7 + 1) * 1e-15 for i in range(3000)], rtol=1e-14)
    assert len(found.pair_farad) == 3000
    in_blocks(777)
    again = read(tmp_path, text)
    np.testing.assert_array_equal(again.ground_farad, found.ground_farad)
    assert couplings(again) == couplings(found)
    assert again.skipped_cards == found.skipped_cards


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        (".ENDS\n", "", 8, "no .ends; is the file cut off"),
        ("+ w=1u\n", "M2 a b c d n\n?3 a b c d n\n", 30, "`?3 a b c d n` is no statement"),
        ("*|S (in:1 1 2)", "*|S (in:1 1", 12, "no closed parentheses"),
        ("0.0046PF", "0.0046XY", 9, "0.0046XY"),
        ("1.6f", "1.6fQ", 15, "1.6fQ"),
        ("1.6f", "lots", 15, "lots"),
        ("C1 in:1 0 1.6f", "C1 in:1 0", 15, "two nodes and a value"),
        ("1.6f", "-1.6f", 15, "C1 has -1.6e-15 F"),
        ("1.6f", "nan", 15, "nan"),
        ("C4 out:7 VSS", "C4 out:7 nowhere", 22, "node nowhere belongs to no net"),
        ("C4 out:7 VSS", "C4 out:7 Q:4", 22, "node Q belongs to no net"),
        ("*|P (in I 0 1 2)", "*|I (in:3)", 10, "too few fields"),
        ("*|NET out 3FF", "*|NET x1/M1:G 3FF", 11, "lies on net x1/M1:G by another line"),
        ("*|S (out:7 1 2)", "*|I (x1/M1:G x1/M1 G I 0)", 11, "lies on net out by another line"),
        ("*|NET in 0.0046PF\n", "", 9, "before any `*|NET`"),
        ("*|DESIGN", "*|DSPF 1.3\n*|DESIGN", 2, "a second design"),
        ("*|BUSBIT []", '*|DESIGN "other"', 5, "a second design"),
        (".ENDS", ".ENDS\n.SUBCKT b\n*|NET a 0\n.ENDS", 33, "a second design"),
        ("*|DELIMITER :", "*|DELIMITER ::", 4, "one character"),
        ("*|NET VSS 1PF", "*|NET", 23, "has no name"),
        ("R1 in in:1 10", "= what", 14, "no statement"),
    ],
)
def test_faults_are_located(tmp_path: Path, old: str, new: str, where: int, message: str) -> None:
    with pytest.raises(ParasiticsError) as caught:
        read(tmp_path, AMP.replace(old, new, 1))
    assert message in str(caught.value)
    assert caught.value.location is not None
    assert caught.value.location.line == where


def test_a_file_without_nets(tmp_path: Path) -> None:
    with pytest.raises(ParasiticsError, match=r"no `\*\|NET` found"):
        read(tmp_path, "*|DSPF 1.3\n")


def test_capacitors_of_the_circuit_are_not_looked_at(tmp_path: Path) -> None:
    cards = "C9 in out mimcap\nC8 in out 1p\nC7 in out mim w=1u\nC6 in out\n"
    found, plain = read(tmp_path, AMP.replace("C9 in out 1p\n", cards)), read(tmp_path, AMP)
    assert couplings(found) == couplings(plain)
    assert SkippedCards(kind="C outside the nets", count=4, first_line=30) in found.skipped_cards


def test_includes_are_listed(tmp_path: Path) -> None:
    found = read(tmp_path, "*|NET a 1f\nC1 a 0 1f\n.include 'models.sp'\n")
    assert found.skipped_cards == (SkippedCards(kind=".include", count=1, first_line=3),)


@pytest.mark.parametrize("block_bytes", [1, 7, 64])
def test_statements_across_blocks(tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int) -> None:
    text = AMP.replace("C1 in:1 0 1.6f", "C1 in:1\n* remark\n\n+ 0 1.6f")
    text = text.replace("*|GROUND_NET 0", "*|GROUND_NET\n+ 0")
    whole = read(tmp_path, text)
    in_blocks(block_bytes)
    found = read(tmp_path, text)
    assert (found.nodes, found.nets, found.pin_names) == (whole.nodes, whole.nets, whole.pin_names)
    np.testing.assert_allclose(found.ground_farad, whole.ground_farad, rtol=1e-12)
    assert couplings(found) == couplings(whole)


@pytest.mark.parametrize(
    ("text", "farad"),
    [("0.0046PF", 4.6e-15), ("3.3FF", 3.3e-15), ("1f", 1e-15), ("2e-15", 2e-15), ("1.5pFarad", 1.5e-12)],
)
def test_units(text: str, farad: float) -> None:
    assert parse_farad(text) == pytest.approx(farad, rel=1e-15)
    for wrong in (text + "Q", "x" + text):
        with pytest.raises(ValueError, match=r"unit|number"):
            parse_farad(wrong)


def test_front_door(tmp_path: Path) -> None:
    path = tmp_path / "amp.txt"
    path.write_text(AMP)
    assert read_parasitics(path).nets == ("in", "out")
    assert read_parasitics(path, ground_names=["out"]).nets == ("in",)


_WORDS = st.sampled_from(
    (
        *("*|NET", "*|I", "*|S", "*|P", "*|GROUND_NET", "*|DELIMITER", "*|DSPF", "(", ")", "(a:1", "a:1)"),
        *("a", "b", "a:1", "b:2", "0", "1f", "1PF", "nan", "1e999", "C1", "R1", "M1", "+", ":", ".ends"),
        *(".subckt", "//", "piece", "on", "*", "* Instance Section", "\n", "\n", "\r", "\t", "é", "\x00"),
    )
)


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(_WORDS, max_size=60), cut=st.integers(0, len(AMP)), join=st.sampled_from([" ", "\n"]))
def test_any_text_is_read_or_refused(tmp_path: Path, words: list[str], cut: int, join: str) -> None:
    try:
        found = read(tmp_path, AMP[:cut] + join.join(words) + AMP[cut:])
    except ParasiticsError:
        return
    assert (found.pair_a < found.pair_b).all()
    assert np.isfinite(found.ground_farad).all()
    assert len(found.pin_offset) == len(found.nodes) + 1
