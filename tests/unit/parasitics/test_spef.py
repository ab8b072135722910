from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, match_nets, read_parasitics, read_spef, to_net_level
from circuitgcl.parasitics.spef.counting import SIDES_DIFFER, TOTAL_DIFFERS

HEADER = """*SPEF "IEEE 1481-1998"
*DESIGN "amp"
*DATE "1 // 2"
*VENDOR "v"
*DIVIDER /
*DELIMITER :
*BUS_DELIMITER [ ]
*C_UNIT 1 FF
*R_UNIT 1 OHM
"""

SMALL = (
    HEADER
    + """
*NAME_MAP
*1 in
*2 x1/out\\[0\\]
*7 x1/M1

*PORTS
*1 I
*D_NET *1 7.5 // total
*CONN
*P *1 I *C 1 2
*I *7:G I *C 0.5 1.5 *L 0.01 *D nch
*N *1:3 *C 1 1
*CAP
1 *1:2 1.0
2 *1:3 2
3 *7:G 0.5
4 *1:3 *2:1 4.0
*RES
1 *1:2 *1:3 10.5
*INDUC
1 *1:2 *1:3 0.1
*END

*D_NET *2 5
*CONN
*I *7:D O
*CAP
1 *2:1 1.0
2 *2:1 *1:3 4.0
*END
"""
)


def read(tmp_path: Path, text: str | bytes, name: str = "d.spef") -> Parasitics:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_spef(path)


def body(cap_a: str, cap_b: str = "1 b:1 0", total_a: str = "0", total_b: str = "0") -> str:
    return (
        f"{HEADER}*D_NET a {total_a}\n*CONN\n*I u1:A I\n*I u2:A I\n*CAP\n{cap_a}\n*END\n"
        f"*D_NET b {total_b}\n*CONN\n*I u3:Z O\n*CAP\n{cap_b}\n*END\n"
    )


def pairs(found: Parasitics) -> dict[tuple[str, str], float]:
    return {
        (found.nodes[a], found.nodes[b]): f
        for a, b, f in zip(found.pair_a, found.pair_b, found.pair_farad.tolist(), strict=True)
    }


def ground(found: Parasitics) -> dict[str, float]:
    return dict(zip(found.nodes, found.ground_farad.tolist(), strict=True))


def kinds(found: Parasitics) -> list[str]:
    return [skipped.kind for skipped in found.skipped_cards]


def test_small_file_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, SMALL)
    assert found.design == "amp"
    assert found.source == "d.spef"
    assert found.nets == ("in", "x1/out[0]")
    assert found.nodes == ("in", "x1/M1:G", "x1/out[0]")
    assert [found.nets[i] for i in found.node_net] == ["in", "in", "x1/out[0]"]
    assert ground(found) == {"in": 1e-15 + 2e-15, "x1/M1:G": 5e-16, "x1/out[0]": 1e-15}
    assert pairs(found) == {("in", "x1/out[0]"): 4e-15}
    assert [found.pins_of(i) for i in range(3)] == [(), ("x1/M1:G",), ("x1/M1:D",)]
    assert found.skipped_cards == ()
    assert to_net_level(found).ground_total_farad == pytest.approx(4.5e-15, rel=1e-15)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\n  ").replace(" *7:G", "\t *7:G ").encode(),
        lambda text: text.replace("*RES\n", "// a\n*RES\n/* 1 a b 0\n*END */\n").encode(),
        lambda text: text.replace("4.0", "3:4.0:7").replace("FF", "ff").encode(),
        lambda text: text.replace("*1:", "in:").replace("*7:G", "x1/M1:G", 1).encode(),
        lambda text: text.replace("*C_UNIT 1 FF", "*C_UNIT 0.001 PF").encode(),
        lambda text: text.replace(" 1.0", " 100.0e-2").replace("*D_NET *1 7.5", "*D_NET in 75E-1").encode(),
        lambda text: text.replace("*DELIMITER :", "*DELIMITER |").replace(":", "|").encode(),
        lambda text: text[:-1].encode(),
        lambda text: text.replace("2.0\n", "2.0 *SC 1:0.5 2:0.1\n").encode(),
    ],
)
def test_spellings_of_one_content(tmp_path: Path, change: object) -> None:
    expected = read(tmp_path, SMALL)
    found = read(tmp_path, change(SMALL))  # type: ignore[operator]
    assert found.nodes == expected.nodes
    assert found.pin_names == expected.pin_names
    assert ground(found) == ground(expected)
    assert pairs(found) == pairs(expected)
    assert found.skipped_cards == ()


def test_sensitivities_are_listed(tmp_path: Path) -> None:
    found = read(tmp_path, body("1 a:1 2 *SC 1:0.5 2:0.1\n2 a:1 1", total_a="3"))
    assert ground(found)["a"] == pytest.approx(3e-15)
    assert [(x.kind, x.count, x.first_line) for x in found.skipped_cards] == [("*SC", 1, 15)]


def test_value_is_the_float_of_the_decimal_text(tmp_path: Path) -> None:
    for text in ("0.1", "0.1234567890123", "1.1e-3", "123.456E2", "7", "1:0.3:2"):
        typical = text.split(":")[len(text.split(":")) // 2]
        mantissa, _, exponent = typical.lower().partition("e")
        found = read(tmp_path, body(f"1 a:1 {text}", total_a=text))
        assert ground(found)["a"] == float(f"{mantissa}e{int(exponent or 0) - 15}")


@pytest.mark.parametrize(
    ("unit", "farad"), [("1 PF", 1e-12), ("10 FF", 1e-14), ("2.5 pF", 2.5e-12), ("1 F", 1.0)]
)
def test_units(tmp_path: Path, unit: str, farad: float) -> None:
    text = body("1 a:1 3", total_a="3").replace("1 FF", unit)
    assert ground(read(tmp_path, text))["a"] == pytest.approx(3 * farad, rel=1e-15)


@pytest.mark.parametrize(
    ("cap_a", "cap_b", "coupling"),
    [
        ("1 a:1 b:1 2", "1 b:1 a:1 2", 2),  # once per side
        ("1 a:1 b:1 2", "1 a:1 b:1 2", 2),  # the other order on one side
        ("1 a:1 b:1 2", "1 b:1 0", 2),  # in one section only
        ("1 a:1 0", "1 b:1 a:1 2", 2),
        ("1 a:1 b:1 2\n2 a:1 b:1 3", "1 b:1 a:1 3\n2 b:1 a:1 2", 5),  # parallel ones add up
        ("1 a:1 b:1 2\n2 a:2 b:1 2", "1 b:1 a:1 2\n2 b:1 a:2 2", 4),
        ("1 a:1 b:1 2", "1 b:2 a:2 2", 4),  # two capacitors, each in one section
        ("1 a:1 a:2 7\n2 a:1 b:1 2", "1 b:1 a:1 2", 2),  # within a net it vanishes
    ],
)
def test_coupling_counts_once(tmp_path: Path, cap_a: str, cap_b: str, coupling: float) -> None:
    found = read(tmp_path, body(cap_a, cap_b))
    assert pairs(found) == {("a", "b"): pytest.approx(coupling * 1e-15)}
    assert SIDES_DIFFER not in kinds(found)


def test_one_point_in_two_spellings_is_one_point(tmp_path: Path) -> None:
    text = body("1 a:1 *2:1 2\n2 u1:A *9:Z 3", "1 b:1 *1:1 2\n2 u3:Z *8:A 3")
    found = read(tmp_path, text.replace("*D_NET a", "*NAME_MAP\n*1 a\n*2 b\n*8 u1\n*9 u3\n*D_NET a"))
    assert pairs(found) == {("a", "b"): pytest.approx(2e-15), ("u1:A", "u3:Z"): pytest.approx(3e-15)}


def test_two_values_of_one_coupling(tmp_path: Path) -> None:
    found = read(tmp_path, body("1 a:1 b:1 2", "1 b:1 a:1 2.5", "2", "2.5"))
    assert pairs(found) == {("a", "b"): pytest.approx(2.5e-15)}
    assert [(x.kind, x.count, x.first_line) for x in found.skipped_cards] == [(SIDES_DIFFER, 1, 10)]


def test_coupling_within_a_net_between_pins_stays(tmp_path: Path) -> None:
    found = read(tmp_path, body("1 u1:A u2:A 2\n2 a:1 u1:A 3"))
    assert pairs(found) == {("a", "u1:A"): pytest.approx(3e-15), ("u1:A", "u2:A"): pytest.approx(2e-15)}


def test_pins_joined_without_resistance_are_one_node(tmp_path: Path) -> None:
    text = body("1 u2:A 1\n*RES\n1 u2:A u1:A 0.000\n2 u1:A a:1 0\n3 a:1 u2:A 0.5")
    found = read(tmp_path, text)
    assert found.nodes == ("u1:A", "b")
    assert found.pins_of(0) == ("u1:A", "u2:A")
    assert read(tmp_path, text.replace("0.000", "0.001")).nodes == ("a", "u2:A", "b")


@pytest.mark.parametrize(
    ("total", "cap", "wrong"),
    [
        ("3", "1 a:1 1\n2 a:1 2", False),
        ("0.0003", "1 a:1 0.0001\n2 a:1 0.0001", False),  # three values rounded to four decimals
        ("0.0005", "1 a:1 0.0001\n2 a:1 0.0001", True),
        ("1.00001e-3", "1 a:1 5.00004e-4\n2 a:1 5.00004e-4", False),  # six significant digits
        ("3.1", "1 a:1 1\n2 a:1 2.4", True),
        ("5", "1 a:1 1\n2 a:1 b:1 4", False),
        ("0", "1 a:1 1", True),
    ],
)
def test_totals_are_checked(tmp_path: Path, total: str, cap: str, wrong: bool) -> None:
    found = read(tmp_path, body(cap, total_a=total, total_b="0.0000"))
    assert [(x.kind, x.count, x.first_line) for x in found.skipped_cards] == [(TOTAL_DIFFERS, 1, 10)] * wrong


def test_coarse_totals_do_not_hide_many_precise_rows(tmp_path: Path) -> None:
    rows = "\n".join(f"{i} a:{i} 0.100" for i in range(30))
    assert kinds(read(tmp_path, body(rows, "1 b:1 0.000", "3", "0"))) == []
    assert kinds(read(tmp_path, body(rows, "1 b:1 0.000", "0", "0"))) == [TOTAL_DIFFERS]


def test_reduced_net(tmp_path: Path) -> None:
    pi = "*DRIVER u1:Z\n*CELL inv\n*C2_R1_C1 0.5 10 2.5\n*LOADS\n*RC u2:A 3\n*Q 1\n"
    text = body("1 a:1 1").replace("*D_NET b", f"*R_NET r 3\n{pi}*END\n*R_NET s 4\n*END\n*D_NET b")
    found = read(tmp_path, text)
    assert ground(found) == {"a": 1e-15, "r": 3e-15, "s": 4e-15, "b": 0.0}


def test_power_and_ground_nets(tmp_path: Path) -> None:
    text = body("1 a:1 vdd 1\n2 a:1 vss:4 2\n3 a:1 *3 4", "1 b:1 gnd2 8\n2 b:1 io 16\n3 b:1 0 32")
    lists = "*NAME_MAP\n*3 agnd\n*POWER_NETS vdd vcc\n*GROUND_NETS vss\n*3\ngnd2\n*PORTS\nio B *C 1 2\n"
    found = read(tmp_path, text.replace("*D_NET a", f"{lists}*D_NET a"))
    assert found.nets == ("a", "b", "vdd", "io")
    assert ground(found) == pytest.approx({"a": 6e-15, "b": 40e-15, "vdd": 0, "io": 0})
    assert pairs(found) == {("a", "vdd"): pytest.approx(1e-15), ("b", "io"): pytest.approx(16e-15)}


def test_ground_net_with_a_section_stays_a_net(tmp_path: Path) -> None:
    text = body("1 a:1 b:1 1", "1 b:1 2").replace("*D_NET a", "*GROUND_NETS b\n*D_NET a")
    assert pairs(read(tmp_path, text)) == {("a", "b"): 1e-15}
    path = tmp_path / "d.spef"
    assert read_parasitics(path, ground_names=["B"]).nets == ("a",)


def test_escaped_names(tmp_path: Path) -> None:
    text = body("1 x\\/y\\[3\\]:2 1\n2 n\\:5:1 2", "1 b:1 1")
    text = text.replace("*D_NET a 0", "*D_NET x\\/y\\[3\\] 0").replace(
        "*D_NET b", "*D_NET n\\:5 2\n*END\n*D_NET b"
    )
    found = read(tmp_path, text)
    assert found.nets == ("x/y[3]", "n:5", "b")
    assert ground(found) == {"x/y[3]": 1e-15, "n:5": 2e-15, "b": 1e-15}


def test_any_divider_matches_the_schematic(tmp_path: Path) -> None:
    for divider in "/.|:":
        text = SMALL.replace("*DIVIDER /", f"*DIVIDER {divider}").replace("x1/", f"x1{divider}")
        report = match_nets(read(tmp_path, text), ["in", "x1/out[0]"]).report
        assert report.nets_matched == 1.0
        assert report.capacitance_matched == 1.0


def test_parts_without_use_are_listed(tmp_path: Path) -> None:
    text = body("1 a:1 1", total_a="1").replace(
        "*D_NET a",
        '*DEFINE u1 u2 "blk.spef"\n*PHYSICAL_PORTS\n*1 I\np2 O\n'
        "*D_PNET p 3\n*CONN\n*I u9:A I\n*CAP\n1 p 3\n*END\n"
        "*D_NET a",
    )
    found = read(tmp_path, text)
    assert found.nets == ("a", "b")
    assert kinds(found) == ["*DEFINE", "*PHYSICAL_PORTS", "*D_PNET"]


def test_blocks_of_any_size_give_the_same_record(tmp_path: Path, in_blocks: Callable[[int], None]) -> None:
    expected = read(tmp_path, SMALL)
    for size in (1, 7, 64, 300):
        in_blocks(size)
        found = read(tmp_path, SMALL)
        assert found.nodes == expected.nodes
        assert ground(found) == ground(expected)
        assert pairs(found) == pairs(expected)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SMALL[: SMALL.index("*INDUC")], 29, r"inside the section of \*1 \(line 18\).*cut off"),
        (SMALL[: SMALL.index("4.0\n")], 27, r"cannot use `\*2:1` as cap"),
        (SMALL + SMALL, 41, "second design"),
        (SMALL + '*DESIGN "other"\n', 41, "second \\*DESIGN after amp"),
        (SMALL.replace("1 FF", "1 GALLON"), 8, "GALLON.*expected a positive number and one of F, MF"),
        (SMALL.replace("1 FF", "0 FF"), 8, "positive number"),
        (SMALL.replace("*C_UNIT 1 FF\n", ""), 17, "before \\*C_UNIT"),
        (body("1 a:1 1\n2 zz:3 5"), 16, r"zz:3 \(zz:3\) is a point of no known net"),
        (body("1 a:1 1\n2 a:1 *5:3 5"), 16, r"\*5 has no entry in \*NAME_MAP"),
        (SMALL.replace("*D_NET *2", "*D_NET *9"), 34, r"\*9 has no entry"),
        (SMALL.replace("*I *7:D", "*I *9:D"), 36, r"\*9 has no entry"),
        (body("1 a:1 1\n2 a:1 b:1 x5"), 16, "cannot use `x5` as capacitance"),
        (body("1 a:1 1\n2 a:1 b:1 1_0"), 16, "cannot use `1_0`"),
        (body("1 a:1 -1"), 15, "cannot use `-1`"),
        (body("1 a:1 nan"), 15, "cannot use `nan`"),
        (body("1 a:1 1:2"), 15, "cannot use `1:2`"),
        (body("1 a:1 1\n\n2 a:1"), 17, "has 2 fields"),
        (body("1 a:1 b:1 2 3"), 15, "has 5 fields"),
        (body("C1 a:1 1"), 15, "no meaning in \\*CAP"),
        (body("1 a:1 1", total_a="?"), 10, "cannot use `\\?`"),
        (SMALL.replace("*2 x1", "*1 x1"), 13, r"index \*1 stands for in already"),
        (SMALL.replace("*2 x1/out\\[0\\]", "*2"), 13, "no entry of \\*NAME_MAP"),
        (SMALL.replace("*I *7:D", "*I *7:G"), 36, "lies on net in already"),
        (SMALL.replace("*D_NET *2", "*D_NET *1"), 34, "section already at line 18"),
        (SMALL.replace("*END\n\n", ""), 32, "expected \\*END before"),
        (SMALL.replace("*DELIMITER :", "*DELIMITER abc"), 6, "no delimiter"),
        (".subckt a b\nC1 a b 1f\n", 1, "no SPEF"),
        ("12 a b\n", 1, "no SPEF"),
        ("*|DSPF 1.3\n", 1, "no SPEF"),
        (HEADER, 0, "no \\*D_NET"),
        ("", 0, "no \\*D_NET"),
        (HEADER + "*END\n", 10, "without a net"),
        (HEADER + "*CAP\n", 10, "outside a net"),
        (HEADER + "*I u1:A I\n", 10, "\\*CONN part"),
        (HEADER + "1 2 3\n", 10, "no meaning in the header"),
    ],
)
def test_bad_input_is_located(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(ParasiticsError, match=message) as caught:
        read(tmp_path, text)
    assert caught.value.location is not None
    assert caught.value.location.line == line


def test_cut_gzip(tmp_path: Path) -> None:
    with pytest.raises(ParasiticsError, match="damaged or cut off"):
        read(tmp_path, gzip.compress(SMALL.encode())[:-12])


PIECES = [
    *SMALL.splitlines(keepends=True),
    "*1",
    " ",
    "\n",
    ":",
    "\\",
    '"',
    "//",
    "/*",
    "*R_NET q 1\n",
    "*C2_R1_C1 1 1 1\n",
    "-1",
    "1e999",
    "*",
    "é",
]


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_only_parasitics_errors_leave_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    lines = SMALL.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines)))
        lines[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=3)
        )
    try:
        found = read(tmp_path, "".join(lines).encode(errors="replace"))
    except ParasiticsError:
        return
    assert len(found.nodes) == len(found.ground_farad) == len(found.node_net) == len(found.pin_offset) - 1
    assert len(set(found.nets)) == len(found.nets)
    assert (found.pair_a < found.pair_b).all()
    assert np.isfinite(found.ground_total_farad)


@settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ParasiticsError):
        read(tmp_path, content)


CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "spef"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="collected files are not here")
@pytest.mark.parametrize(
    ("name", "nets", "pairs", "total_farad"),
    [
        ("c17_slack", 11, 0, None),
        ("c5315", 1096, 0, None),
        ("s27", 34, 0, None),
        ("adc_clkgen_with_edgedetect.nom", 623, 5594, 3.011433e-12),
    ],
)
def test_collected_files(name: str, nets: int, pairs: int, total_farad: float | None) -> None:
    (path,) = CORPUS.rglob(f"{name}.spef")
    found = read_spef(path)
    assert len(found.nets) == nets
    assert len(found.pair_a) == pairs
    assert found.skipped_cards == ()  # every total is the sum of its capacitors
    if total_farad is not None:
        assert found.ground_total_farad == pytest.approx(total_farad, rel=1e-6)
