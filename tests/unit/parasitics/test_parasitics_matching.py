from __future__ import annotations

import numpy as np
import pytest

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import NetMatch, Parasitics, match_nets


def extraction(names: list[str], design: str = "top") -> Parasitics:
    """Net-level: 1 F to ground on every net, 10 F between neighbours in the list."""
    n = len(names)
    return Parasitics(
        design=design,
        source="d.sp",
        nodes=tuple(names),
        nets=tuple(names),
        ground_farad=np.ones(n),
        pair_a=np.arange(n - 1, dtype=np.int32),
        pair_b=np.arange(1, n, dtype=np.int32),
        pair_farad=np.full(n - 1, 10.0),
        node_net=np.arange(n, dtype=np.int32),
        pin_offset=np.zeros(n + 1, dtype=np.int64),
        pin_names=(),
    )


def partners(match: NetMatch) -> list[str | None]:
    return [match.nets[i] if i >= 0 else None for i in match.node_to_net]


def test_names_as_written() -> None:
    match = match_nets(extraction(["b", "lay?7", "a", "x"]), ["a", "b", "gnd", "c"])
    assert match.node_to_net.dtype == np.int32
    assert match.node_to_net.tolist() == [1, -1, 0, -1]
    report = match.report
    assert (report.nets_schematic, report.nets_extracted, report.nets_matched_count) == (4, 4, 3)
    assert report.nets_matched == 0.75
    assert report.capacitance_total_farad == 34.0
    assert report.capacitance_matched_farad == 2.0
    assert report.capacitance_matched == 2 / 34
    assert [(x.name, x.reason) for x in report.extra] == [
        ("lay?7", "floating layout metal"),
        ("x", "no schematic net of this name"),
    ]
    assert report.extracted_matched == 2 / 3  # floating metal aside
    assert report.reference == ("gnd",)
    assert [x.name for x in report.missing] == ["c"]
    assert report.matched_by == (("as written", 2), ("as reference node", 1))
    assert report.ambiguous == ()


def test_coupling_counts_when_both_ends_match() -> None:
    match = match_nets(extraction(["a", "b", "x"]), ["a", "b"])
    assert match.report.capacitance_matched_farad == 12.0
    assert match.report.capacitance_total_farad == 23.0


@pytest.mark.parametrize(
    ("extracted", "schematic", "rung"),
    [
        ("XBank/Net", "xbank/net", "up to case"),
        ("xa.xb:n", "Xa/Xb|n", "up to separators"),
        ("bank/cell/n", "Xbank/Xcell/n", "up to leading X"),
        ("a<3>", "a[3]", "up to bus notation"),
        ("a_3_", "a[3]", "up to bus notation"),
        ("Xb/a_3_", "b/a<3>", "up to bus notation"),
        ("xbank/a_3_7", "xbank/a[3][7]", "up to bus notation"),
        (r"a\[3\]", "a[3]", "up to escapes"),
        (r"x1\/n", "x1/n", "up to escapes"),
        ("/x1/n", "x1/n", "up to separators"),
        ("x1/a_172_68#", "X1.a_172_68", "up to anonymous mark"),
        ("bank_arr_n", "bank/arr/n", "up to underscores"),
        ("VDD", "vdd!", "up to global mark"),
        ("top/x1/n", "x1/n", "without top cell"),
        ("x1/n", "XTOP.x1.n", "without top cell, up to separators"),
    ],
)
@pytest.mark.parametrize("swap", [False, True], ids=["", "swapped"])
def test_rung_of_the_ladder(extracted: str, schematic: str, rung: str, swap: bool) -> None:
    if swap:
        extracted, schematic = schematic, extracted
    match = match_nets(extraction(["same", extracted]), ["same", schematic])
    assert partners(match) == ["same", schematic]
    assert match.report.matched_by == (("as written", 1), (rung, 1))
    assert match.report.nets_matched == match.report.capacitance_matched == 1.0


def test_instance_x_is_not_taken_from_net_names() -> None:
    match = match_nets(extraction(["same", "x1/xn"]), ["same", "x1/n"])
    assert partners(match) == ["same", None]


def test_top_given_by_hand_and_found_by_itself() -> None:
    nets = ["vdd", "xa/n", "xb/n"]
    layout = extraction(["vdd", "u_chip/xa/n", "u_chip/xb/n"], design="other")
    assert partners(match_nets(layout, nets)) == nets
    mixed = extraction(["vdd", "u_chip/xa/n", "xb/n"], design="other")
    assert partners(match_nets(mixed, nets)) == ["vdd", None, "xb/n"]
    assert partners(match_nets(mixed, nets, top="U_CHIP")) == nets


def test_a_shared_block_is_no_top_cell() -> None:
    match = match_nets(extraction(["same", "xbank/n", "xbank/m"]), ["same", "n", "xbank/m"])
    assert partners(match) == ["same", None, "xbank/m"]


def test_ambiguous_names_stay_unmatched() -> None:
    match = match_nets(extraction(["same", "A<0>"]), ["same", "a[0]", "a_0"])
    assert partners(match) == ["same", None]
    (unclear,) = match.report.ambiguous
    assert unclear.name == "A<0>"
    assert "a[0], a_0" in unclear.reason
    assert match.report.extra == ()
    both = match_nets(extraction(["same", "A<0>", "a(0)"]), ["same", "a[0]"])
    assert partners(both) == ["same", None, None]
    assert [x.name for x in both.report.ambiguous] == ["A<0>", "a(0)"]


def test_finer_rungs_come_first() -> None:
    match = match_nets(extraction(["a_0", "A[0]"]), ["a[0]", "a_0"])
    assert partners(match) == ["a_0", "a[0]"]


def test_second_spelling_of_a_matched_net() -> None:
    match = match_nets(extraction(["net", "NET"]), ["net", "other"])
    assert partners(match) == ["net", None]
    assert "another spelling" in match.report.extra[0].reason


def test_order_of_schematic_nets_does_not_matter() -> None:
    names = ["vdd", "A<1>", "x1.n", "lay?1", "b[0]", "B_0"]
    nets = ["vdd", "a[1]", "x1/n", "b<0>"]
    assert partners(match_nets(extraction(names), nets)) == partners(
        match_nets(extraction(names), nets[::-1])
    )


def test_pieces_follow_their_net() -> None:
    pieces = Parasitics(
        design="d",
        source="d.sp",
        nodes=("n", "x1:G", "x2:G"),
        nets=("n", "stray"),
        ground_farad=np.array([1.0, 2.0, 4.0]),
        pair_a=np.array([0], dtype=np.int32),
        pair_b=np.array([1], dtype=np.int32),
        pair_farad=np.array([8.0]),
        node_net=np.array([0, 0, 1], dtype=np.int32),
        pin_offset=np.array([0, 0, 1, 2]),
        pin_names=("x1:G", "x2:G"),
    )
    match = match_nets(pieces, ["m", "n"])
    assert match.node_to_net.tolist() == [1, 1, -1]
    assert match.report.capacitance_matched_farad == 11.0


def test_summary_names_what_is_left() -> None:
    text = match_nets(extraction(["a", "lay?1", "Q<0>"]), ["a", "q[0]", "q_0", "gnd"]).report.summary()
    assert text.startswith(
        "nets matched: 2 of 4 in the schematic (50.0%); 3 extracted; "
        "by rung: 1 as written, 1 as reference node\n"
    )
    assert "ambiguous: 1, Q<0>" in text
    assert "extra: 1, lay?1 (floating layout metal)" in text
    assert "missing: 2, q[0]" in text


def test_nothing_in_common() -> None:
    with pytest.raises(
        ParasiticsError,
        match=r"d\.sp: no net is common .*: a, b, 2 in the schematic: c, d; tried as written, up to case",
    ):
        match_nets(extraction(["a", "b"]), ["c", "d"])
    with pytest.raises(ParasiticsError, match="0 in the schematic: none"):
        match_nets(extraction(["a", "b"]), [])


def test_schematic_net_listed_twice() -> None:
    with pytest.raises(ParasiticsError, match="net a is listed twice"):
        match_nets(extraction(["a"]), ["a", "b", "a"])
