from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import DataError
from circuitgcl.parasitics import Parasitics, read_spef, to_net_level, write_spef

EXPECTED = """*D_NET *1 3.75
*CONN
*I *3:G B
*I *4:G B
*CAP
1 *1:1 1
2 *3:G 2
3 *1:1 *3:G 0.25
4 *3:G *2:1 0.5
*RES
1 *3:G *4:G 0
*END

*D_NET *2 8.5
*CONN
*I *3:D B
*CAP
1 *2:1 8
2 *2:1 *3:G 0.5
*END
"""


def record() -> Parasitics:
    return Parasitics(
        design="amp",
        source="a.spef",
        nodes=("in", "x1/M1:G", "out[0]"),
        ground_farad=np.array([1e-15, 2e-15, 8e-15]),
        pair_a=np.array([0, 1], dtype=np.int32),
        pair_b=np.array([1, 2], dtype=np.int32),
        pair_farad=np.array([2.5e-16, 5e-16]),
        nets=("in", "out[0]"),
        node_net=np.array([0, 0, 1], dtype=np.int32),
        pin_offset=np.array([0, 0, 2, 3]),
        pin_names=("x1/M1:G", "x1/M2:G", "x1/M1:D"),
    )


def assert_equal(found: Parasitics, expected: Parasitics) -> None:
    for name in ("design", "nodes", "nets", "pin_names"):
        assert getattr(found, name) == getattr(expected, name), name
    for name in ("ground_farad", "pair_a", "pair_b", "pair_farad", "node_net", "pin_offset"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.skipped_cards == ()


def test_text_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.spef"
    write_spef(record(), path)
    text = path.read_text()
    assert "*C_UNIT 1 FF\n" in text
    assert "*NAME_MAP\n*1 in\n*2 out[0]\n*3 x1/M1\n*4 x1/M2\n" in text
    assert text[text.index("*D_NET") :] == EXPECTED
    assert_equal(read_spef(path), record())


def test_same_record_same_text(tmp_path: Path) -> None:
    write_spef(record(), tmp_path / "a.spef")
    write_spef(replace(record(), source="b"), tmp_path / "b.spef")
    assert (tmp_path / "a.spef").read_bytes() == (tmp_path / "b.spef").read_bytes()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.spef", tmp_path / "b.spef"]


def test_nodes_out_of_order_and_without_pins(tmp_path: Path) -> None:
    """Pieces m1 and m2 of net n have no pins: metal of n. Nodes come back net by net."""
    mixed = Parasitics(
        design="d",
        source="",
        nodes=("m1", "u:A", "k", "m2"),
        ground_farad=np.array([1.0, 2.0, 4.0, 8.0]),
        pair_a=np.array([0, 0, 0, 2], dtype=np.int32),
        pair_b=np.array([1, 2, 3, 3], dtype=np.int32),
        pair_farad=np.array([16.0, 32.0, 64.0, 128.0]),
        nets=("k", "n"),
        node_net=np.array([1, 1, 0, 1], dtype=np.int32),
        pin_offset=np.array([0, 0, 1, 1, 1]),
        pin_names=("u:A",),
    )
    write_spef(mixed, tmp_path / "a.spef")
    found = read_spef(tmp_path / "a.spef")
    assert found.nodes == ("k", "n", "u:A")
    assert found.ground_farad.tolist() == [4.0, 9.0, 2.0]
    assert list(zip(found.pair_a, found.pair_b, found.pair_farad, strict=True)) == [
        (0, 1, 160.0),
        (1, 2, 16.0),
    ]
    assert found.skipped_cards == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nets": ("in put", "out")}, "no white space"),
        ({"nets": ("", "out")}, "no white space"),
        ({"nets": ()}, "no nets"),
        ({"design": 'a"b'}, "quotes"),
        ({"pin_names": ("x:G", "x:G", "y:D")}, "two nodes"),
        ({"pair_farad": np.array([1e-15, -1e-15])}, "negative or not finite, such as -1e-15 F"),
        ({"ground_farad": np.array([1e-15, np.inf, 0])}, "not finite"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_spef(replace(record(), **change), tmp_path / "a.spef")  # type: ignore[arg-type]
    assert not (tmp_path / "a.spef").exists()


def test_divider(tmp_path: Path) -> None:
    path = tmp_path / "a.spef"
    write_spef(record(), path, divider=".")
    assert "*DIVIDER .\n" in path.read_text()
    assert "*3 x1\\/M1\n" in path.read_text()
    assert_equal(read_spef(path), record())
    with pytest.raises(ValueError, match="divider"):
        write_spef(record(), path, divider=":")


names = st.one_of(
    st.text(alphabet='ab/:[]<>!#$\\*"|.0é%@', min_size=1, max_size=6),
    st.text(
        alphabet=st.characters(min_codepoint=33, exclude_characters="\x7f", exclude_categories=["Cs"]),
        min_size=1,
        max_size=6,
    ),
)
farads = st.one_of(
    st.floats(0, 1e-12), st.floats(0, 1e-30), st.floats(0, 1e3), st.integers(0, 999).map(lambda n: n * 1e-18)
)


@st.composite
def records(draw: st.DrawFn) -> Parasitics:
    """Records as readers make them: nets in order, a net's own node before those of its pins."""
    nets = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    pin_names = iter(draw(st.lists(names, max_size=8, unique=True)))
    nodes: list[str] = []
    node_net: list[int] = []
    pins: list[list[str]] = []
    for net, name in enumerate(nets):
        groups = [
            [pin for pin, _ in zip(pin_names, range(n), strict=False)]
            for n in draw(st.lists(st.integers(1, 3), max_size=2))
        ]
        groups = [group for group in groups if group and group[0] != name]
        if not groups or draw(st.booleans()):
            nodes.append(name)
            pins.append([pin for pin, _ in zip(pin_names, range(draw(st.integers(0, 2))), strict=False)])
            node_net.append(net)
        for group in groups:
            nodes.append(group[0])
            pins.append(group)
            node_net.append(net)
    n = len(nodes)
    keys = sorted(
        draw(
            st.sets(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1]),
                max_size=8,
            )
        )
        if n > 1
        else []
    )
    return Parasitics(
        design=draw(st.text(alphabet="ab/.é_//", max_size=5)),
        source="a.spef",
        nodes=tuple(nodes),
        ground_farad=np.array(draw(st.lists(farads, min_size=n, max_size=n))),
        pair_a=np.array([a for a, _ in keys], dtype=np.int32),
        pair_b=np.array([b for _, b in keys], dtype=np.int32),
        pair_farad=np.array(draw(st.lists(farads, min_size=len(keys), max_size=len(keys))), dtype=float),
        nets=tuple(nets),
        node_net=np.array(node_net, dtype=np.int32),
        pin_offset=np.cumsum([0, *(len(group) for group in pins)]),
        pin_names=tuple(pin for group in pins for pin in group),
    )


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records(), st.sampled_from("/.|"))
def test_reading_what_was_written_gives_the_same_record(
    tmp_path: Path, expected: Parasitics, divider: str
) -> None:
    path = tmp_path / "a.spef"
    for record_ in (expected, to_net_level(expected)):
        write_spef(record_, path, divider=divider)
        assert_equal(read_spef(path), record_)


@settings(max_examples=50, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records())
def test_totals_are_the_sums_of_their_rows(tmp_path: Path, expected: Parasitics) -> None:
    path = tmp_path / "a.spef"
    write_spef(expected, path)
    totals, sums, rows = [], [], False
    for line in path.read_text().splitlines():
        fields = line.split()
        if line.startswith("*D_NET"):
            totals.append(float(fields[2]))
            sums.append([])
        if line.startswith("*"):
            rows = line == "*CAP"
        elif rows and fields:
            sums[-1].append(float(fields[-1]))
    assert totals == pytest.approx([math.fsum(values) for values in sums], rel=1e-12, abs=0)
