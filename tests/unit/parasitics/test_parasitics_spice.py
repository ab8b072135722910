from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, SkippedCards, read_spice, to_net_level

NET_LEVEL = """* extraction of amp
.subckt amp in out
+ vdd
Cg0 in 0 1e-15
Cg1 0 out 2e-15
Cc0 in out 3e-16
Cc1 out in 4e-16
Cc2 out mid 5e-16
.ends
"""

PIN_LEVEL = """* pieces
*|P x1/M1:G in x1/M1:G x1/M2:G
*|P x1/M1:D out x1/M1:D
*|P x9/M9:S quiet x9/M9:S
Cg0 in 0 1e-15
Cg1 x1/M1:G 0 2e-15
Cc0 in x1/M1:G 7e-15
Cc1 x1/M1:G x1/M1:D 3e-15
Cc2 in out 4e-15
"""


def read(tmp_path: Path, text: str | bytes, name: str = "d.pex.sp") -> Parasitics:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_spice(path)


def pairs(found: Parasitics) -> dict[tuple[str, str], float]:
    return {
        (found.nodes[a], found.nodes[b]): f
        for a, b, f in zip(found.pair_a, found.pair_b, found.pair_farad.tolist(), strict=True)
    }


def same(one: Parasitics, other: Parasitics) -> bool:
    arrays = ("ground_farad", "pair_a", "pair_b", "pair_farad", "node_net", "pin_offset")
    plain = ("design", "nodes", "nets", "pin_names", "skipped_cards")
    return all(np.array_equal(getattr(one, x), getattr(other, x)) for x in arrays) and all(
        getattr(one, x) == getattr(other, x) for x in plain
    )


def test_net_level_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, NET_LEVEL)
    assert found.design == "amp"
    assert found.source == "d.pex.sp"
    assert found.nodes == found.nets == ("in", "out", "mid")
    np.testing.assert_array_equal(found.ground_farad, [1e-15, 2e-15, 0])
    assert pairs(found) == {("in", "out"): pytest.approx(7e-16, rel=1e-15), ("out", "mid"): 5e-16}
    assert (found.pair_a < found.pair_b).all()
    np.testing.assert_array_equal(found.node_net, [0, 1, 2])
    assert found.pin_names == ()
    assert found.skipped_cards == ()
    assert found.ground_total_farad == pytest.approx(3e-15)
    assert found.coupling_total_farad == pytest.approx(1.2e-15)


def test_pin_level_reduced_to_nets_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, PIN_LEVEL)
    assert found.design == "d"
    assert found.is_pin_level
    assert found.nodes == ("in", "x1/M1:G", "x1/M1:D", "out", "x9/M9:S")
    assert [found.nets[i] for i in found.node_net] == ["in", "in", "out", "out", "quiet"]
    assert found.pins_of(1) == ("x1/M1:G", "x1/M2:G")
    assert found.pins_of(4) == ("x9/M9:S",)
    net = to_net_level(found)
    assert net.nodes == ("in", "out", "quiet")
    np.testing.assert_allclose(net.ground_farad, [3e-15, 0, 0], rtol=1e-15)
    assert pairs(net) == {("in", "out"): pytest.approx(7e-15, rel=1e-15)}
    assert net.pins_of(0) == ("x1/M1:G", "x1/M2:G")


def test_piece_of_the_ground_net_is_ground(tmp_path: Path) -> None:
    found = read(tmp_path, "*|P M1:S 0 M1:S\nC1 a M1:S 1f\nC2 a 0 2f\nC3 a b 4f\n")
    assert found.nodes == ("a", "b")
    np.testing.assert_allclose(found.ground_farad, [3e-15, 0])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace("\nC", "\n   C"),
        lambda text: text.replace(" 0 1e-15", "\n* remark\n\n+ 0\n+1e-15"),
        lambda text: text.replace("1e-15", "1f ; remark").replace("5e-16", "0.5fF $ remark"),
        lambda text: text.replace("1e-15", "c=1f").replace("2e-15", "c = 1f m=2"),
        lambda text: text.replace("\nC", "\nc").replace(".subckt", ".SUBCKT").replace(".ends", ".ENDS amp"),
        lambda text: gzip.compress(text.encode()),
    ],
    ids=[
        "CRLF",
        "no final line end",
        "byte order mark",
        "tabs",
        "double blanks",
        "indented",
        "continuation past comments",
        "comments and suffixes",
        "keyword",
        "case",
        "gzip without a telling name",
    ],
)
def test_spelling_does_not_matter(tmp_path: Path, change: object) -> None:
    assert same(read(tmp_path, change(NET_LEVEL)), read(tmp_path, NET_LEVEL))  # type: ignore[operator]


def test_names_keep_their_spelling(tmp_path: Path) -> None:
    names = ["a[0]", "a<1>", "X1/Y", "x1.y", "R$1", "$3", "vdd!", "a_17_6#", "00", "µ"]
    found = read(tmp_path, "".join(f"C{i} {name} 0 1f\n" for i, name in enumerate(names)))
    assert list(found.nodes) == names
    latin = read(tmp_path, "C1 \u00b5 0 1\u00b5\nC2 a 0 1f\n".encode("latin-1"))
    assert latin.nodes == ("\u00b5", "a")
    assert latin.ground_farad[0] == 1e-6


@pytest.mark.parametrize("control", range(1, 32))
def test_control_characters_are_blanks_or_part_of_a_name(tmp_path: Path, control: int) -> None:
    if control == ord("\n"):
        return
    text = b"C0 a b 1f\n" * 3 + b"C1 a%c0 1.5f\n" % control + b"C2 a b 2f\n" * 3
    path = tmp_path / "x.sp"
    path.write_bytes(text)
    if bytes([control]).isspace():
        assert read_spice(path).ground_farad.tolist() == [1.5e-15, 0.0]
    else:
        with pytest.raises(ParasiticsError, match=r"x\.sp:4: C1 has 2 fields"):
            read_spice(path)


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_unknown_units_are_refused_in_any_block(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int
) -> None:
    in_blocks(block_bytes)
    path = tmp_path / "x.sp"
    path.write_text("C0 a b 1f\nC1 a b 3.4fY\nC2 a b 1pF\n")
    with pytest.raises(ParasiticsError, match=r"x\.sp:2: cannot use `3\.4fY`"):
        read_spice(path)


def test_other_cards_are_counted(tmp_path: Path) -> None:
    cards = [
        "R1 a b 5",
        "C1 a b 1f",
        "r2 a c 5",
        "M1 d g s b nch",
        "C2 a a 9f",
        "C3 0 0 1f",
        "M2 d g s b nch",
    ]
    found = read(tmp_path, "\n".join(["title line", ".include a.sp", *cards, ".end", ""]))
    assert set(found.skipped_cards) == {
        SkippedCards(kind="T", count=1, first_line=1),
        SkippedCards(kind=".include", count=1, first_line=2),
        SkippedCards(kind="R between nets, taken for a device", count=2, first_line=3),
        SkippedCards(kind="M", count=2, first_line=6),
        SkippedCards(kind="C with both ends on one node", count=2, first_line=7),
    }
    assert pairs(found) == {("a", "b"): 1e-15}


CARDS_ALONE = "C1 a b 1f\nC2 c 0 2f\nC3 a d 4f\nC4 e f 8f\nC5 g h 1f\nC6 i k 2f\nC7 c a 4f\n"


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize(
    "text", [NET_LEVEL, PIN_LEVEL, "Cx a\n+ b\n* c\n+ 1f\nCy c d\n\n\n+ 2f\n", CARDS_ALONE]
)
def test_block_size_does_not_matter(
    tmp_path: Path, in_blocks: Callable[[int], None], block_bytes: int, text: str
) -> None:
    whole = read(tmp_path, text)
    in_blocks(block_bytes)
    assert same(read(tmp_path, text), whole)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("C1 a b 1f\nC2 a b -1f\nC3 a b 1f\n", 2, "C2 has -1e-15 F"),
        ("C1 a b 1f\nC2 a b nan\nC3 a b 1f\n", 2, "cannot use `nan`"),
        ("C1 a b 1f\nC2 a b 1e999\nC3 a b 1f\n", 2, "finite"),
        ("C1 a b 1f\nC2 a b much\nC3 a b 1f\n", 2, "cannot use `much`"),
        ("C1 a b 1f\nC2 a b 1_0\nC3 a b 1f\n", 2, "cannot use `1_0`"),
        ("C1 a b {c0*2}\n", 1, "expected one value"),
        ("C1 a b 1f 2f\n", 1, "cannot use `2f`"),
        ("C1 a b 1f quality=7\n", 1, "cannot use `quality=7`"),
        ("C1 a b m=2\n", 1, "has no value"),
        ("C1 a b\n+ ; nothing\n", 1, "has no value"),
        ("C1 a b 1f\nC2 a\n", 2, "two nodes and a value"),
        ("+ 1f\nC1 a b 1f\n", 1, "without a statement"),
        ("C1 a b 1f\n.subckt\n.ends\n", 2, "no name"),
        (".param x=1\n*|P m a\n+ b\nC1 a b 1f\n", 3, "without a statement"),
        (".subckt x a\nC1 a b 1f\n.ends\n.subckt y a\nC1 a b 1f\n.ends\n", 4, "x does not instantiate it"),
        (".subckt x a\nC1 a b 1f\n.ends\nC1 a b 1f\n", 1, "the top of the file does not instantiate it"),
        (".subckt x a\nC1 a b 1f\nC2 a b 2.", 1, "x has no .ends; is the file cut off?"),
        ("C1 a b 1f\nR1 a\n", 2, "an R card has two nodes and a value"),
        ("C1 a b 1f\nR1 a b tc1=1\n", 2, "resistor R1 has no value"),
        ("*|P a\nC1 a b 1f\n", 1, "*|P node net"),
        ("*|P a n\n*|P a m\nC1 a b 1f\n", 2, "an earlier line"),
        ("*|NET a 1PF\nC1 a b 1f\n", 1, "DSPF"),
        ("* nothing\n.subckt x a\nR1 a b 5\n.ends\n", 0, "no capacitors found among 1 R"),
        ("", 0, "no capacitors"),
        ("C1 a b 1f\n<html>\n", 2, "no SPICE statement"),
        (b"C1 a b 1f\nC2 \0 b 1f\n", 2, "binary"),
        (gzip.compress(NET_LEVEL.encode())[:-12], 0, "damaged or cut off"),
        (gzip.compress(NET_LEVEL.encode()) + b"tail", 0, "damaged or cut off"),
        (b"\x1f\x8bnot really", 0, "damaged or cut off"),
    ],
)
def test_faults_are_located(tmp_path: Path, text: str | bytes, line: int, words: str) -> None:
    with pytest.raises(ParasiticsError) as caught:
        read(tmp_path, text)
    assert caught.value.location is not None
    assert caught.value.location.line == line
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "d.pex.sp") in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.sp", tmp_path):
        with pytest.raises(ParasiticsError, match="cannot read this file"):
            read_spice(path)


NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N"], include_characters="_[]<>/.:#!$"), min_size=1
)
CARDS = st.lists(st.tuples(NAMES, NAMES, st.floats(0, 1e-9, allow_subnormal=False)), min_size=1, max_size=20)
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@QUIET
@given(cards=CARDS)
def test_written_cards_come_back(tmp_path: Path, cards: list[tuple[str, str, float]]) -> None:
    expected: dict[frozenset[str], float] = {}
    for a, b, farad in cards:
        if a != b:
            key = frozenset({a, b})
            expected[key] = expected.get(key, 0.0) + farad
    found = read(tmp_path, "".join(f"C{i} {a} {b} {f!r}\n" for i, (a, b, f) in enumerate(cards)))
    got = {frozenset(names): f for names, f in pairs(found).items()}
    got |= {
        frozenset({name, "0"}): f
        for name, f in zip(found.nodes, found.ground_farad.tolist(), strict=True)
        if frozenset({name, "0"}) in expected
    }
    assert got == {key: pytest.approx(f, rel=1e-12, abs=0) for key, f in expected.items()}


WORDS = rb"C1_a_b_1f# C2_a_0_ + # *|P_ *|P_x_n_p# .subckt_ .ends# _ 1e-15 = c $ < - e { ' ;"
FRAGMENTS = st.sampled_from(
    [
        *(word.replace(b"_", b" ").replace(b"#", b"\n") for word in WORDS.split()),
        *(b"\r\n", b"\xff", b"\x1f\x8b", b"\0", b"9" * 400),
    ]
)


@QUIET
@given(data=st.one_of(st.binary(max_size=200), st.lists(FRAGMENTS, max_size=25).map(b"".join)))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    try:
        found = read(tmp_path, data)
    except ParasiticsError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert (found.ground_farad >= 0).all()
        assert (found.pair_a < found.pair_b).all()
        assert len(found.nodes) == len(set(found.nodes)) == len(found.ground_farad)
        assert found.pin_offset[-1] == len(found.pin_names)
    assert "\n" not in refusal


@pytest.mark.parametrize("card", ["C1 a 0 2.5zF", "C1 a 0 c=2.5zF", "C1 a 0 3ohm $ remark"])
def test_unknown_units(card: str, tmp_path: Path) -> None:
    with pytest.raises(ParasiticsError, match=r":2: cannot use `.*` of capacitor C1; expected one value"):
        read(tmp_path, f"* t\n{card}\nC2 a b 1fF\n".encode())
