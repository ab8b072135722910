from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, read_dspf, read_spice, to_net_level, write_dspf
from circuitgcl.parasitics.records import sum_capacitors

OPENRAM = Path(__file__).parents[4] / "shared" / "data" / "openram"
ARRAYS = ("ground_farad", "pair_a", "pair_b", "pair_farad", "node_net", "pin_offset")


def net_by_net(record: Parasitics) -> Parasitics:
    """The same record with its nodes in the order of a DSPF file."""
    names = [
        (int(net), node != record.nets[net]) for node, net in zip(record.nodes, record.node_net, strict=True)
    ]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.argsort(order)
    _, pair_a, pair_b, pair_farad = sum_capacitors(
        len(order), rank[record.pair_a], rank[record.pair_b], record.pair_farad
    )
    pins = [record.pins_of(i) for i in order]
    return replace(
        record,
        nodes=tuple(record.nodes[i] for i in order),
        ground_farad=record.ground_farad[order],
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=pair_farad,
        node_net=record.node_net[order],
        pin_offset=np.concatenate([[0], np.cumsum([len(p) for p in pins])]).astype(np.int64),
        pin_names=tuple(pin for on_node in pins for pin in on_node),
    )


def assert_same(found: Parasitics, expected: Parasitics) -> None:
    for name in ("design", "nodes", "nets", "pin_names"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.skipped_cards == ()  # totals fit, nothing counted twice


_NAMES = st.text(
    st.one_of(
        st.sampled_from("ab0:1/[]()<>\\$#*+.;'\"!|@{}=,~^%&-"),
        st.characters(min_codepoint=33, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")),
    ),
    min_size=1,
    max_size=8,
).filter(lambda name: name != "0" and name.split() == [name])


@st.composite
def records(draw: st.DrawFn, *, pin_level: bool) -> Parasitics:
    names = draw(st.lists(_NAMES, min_size=1, max_size=8, unique=True))
    n_nets = draw(st.integers(1, len(names))) if pin_level else len(names)
    nets = tuple(names[:n_nets])
    nodes = list(nets)
    if pin_level:
        kept = [net for net in nets if draw(st.booleans())]
        others = names[n_nets:]
        owners = [draw(st.integers(0, n_nets - 1)) for _ in others]
        nodes = [*kept, *others]
        node_net = [nets.index(net) for net in kept] + owners
        missing = [net for net in range(n_nets) if net not in node_net]
        nodes += [nets[net] for net in missing]
        node_net += missing
    else:
        node_net = list(range(n_nets))
    n = len(nodes)
    farads = st.floats(0, 1e-9)
    raw = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), farads), max_size=12))
    ends = np.array([row[:2] for row in raw], dtype=int).reshape(-1, 2)
    _, pair_a, pair_b, pair_farad = sum_capacitors(
        n, ends[:, 0], ends[:, 1], np.array([row[2] for row in raw], dtype=float)
    )
    pins = [draw(st.lists(_NAMES, max_size=2)) for _ in nodes]
    return Parasitics(
        design=draw(st.sampled_from(["amp", "", 'a "b" c', "x/y"])),
        source="x",
        nodes=tuple(nodes),
        ground_farad=np.array(draw(st.lists(farads, min_size=n, max_size=n))),
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=pair_farad,
        nets=nets,
        node_net=np.array(node_net, dtype=np.int32),
        pin_offset=np.concatenate([[0], np.cumsum([len(p) for p in pins])]).astype(np.int64),
        pin_names=tuple(pin for on_node in pins for pin in on_node),
    )


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=st.one_of(records(pin_level=False), records(pin_level=True)))
def test_reading_what_was_written(tmp_path: Path, record: Parasitics) -> None:
    path = tmp_path / "x.dspf"
    write_dspf(record, path)
    assert_same(read_dspf(path), net_by_net(record))
    first = path.read_bytes()
    write_dspf(record, path)
    assert path.read_bytes() == first


def amp() -> Parasitics:
    return Parasitics(
        design="amp",
        source="x",
        nodes=("in", "M1:G", "out"),
        ground_farad=np.array([1e-15, 0, 2e-15]),
        pair_a=np.array([0, 0], dtype=np.int32),
        pair_b=np.array([1, 2], dtype=np.int32),
        pair_farad=np.array([4e-15, 8e-15]),
        nets=("in", "out"),
        node_net=np.array([0, 0, 1], dtype=np.int32),
        pin_offset=np.array([0, 0, 2, 2]),
        pin_names=("M1:G", "M2:G"),
    )


def test_text_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "amp.dspf"
    write_dspf(amp(), path)
    body = path.read_text().partition(".SUBCKT amp\n")[2].splitlines()
    assert [line for line in body if line.startswith(("C", "*|NET"))] == [
        f"*|NET in {1e-15 + 8e-15!r}",  # coupling within the net is no part of its total
        "C1 in 0 1e-15",
        "C2 in M1:G 4e-15",
        "C3 in out 8e-15",
        f"*|NET out {2e-15 + 8e-15!r}",
        "C4 out 0 2e-15",
    ]
    assert "*|I (M2:G M2 G B 0 0 0) // on M1:G" in body
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": ("in", "M1 G", "out")},
        {"nodes": ("in", "", "out")},
        {"nodes": ("in", "out", "o")},
        {"nodes": ("in", "in", "out")},
        {"nodes": ("in", "0", "out")},
        {"nets": ("in", "0")},
        {"nets": ("in", "in")},
        {"pin_names": ("a\n", "b")},
        {"pair_farad": np.array([-1e-15, 0])},
        {"ground_farad": np.array([np.nan, 0, 0])},
        {"design": "a\nb"},
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "x.dspf"
    with pytest.raises(ParasiticsError):
        write_dspf(replace(amp(), **changes), path)  # type: ignore[arg-type]
    assert not path.exists()


@pytest.mark.skipif(not OPENRAM.is_dir(), reason="the data are not here")
@pytest.mark.parametrize("kind", ["pin.pex.sp.gz", "_bank.pex.sp.gz"])
def test_an_extraction_of_a_memory(tmp_path: Path, kind: str) -> None:
    path = min(OPENRAM.glob(f"*{kind}"), key=lambda p: p.stat().st_size)
    record = replace(read_spice(path), skipped_cards=())
    for level in (record, to_net_level(record)):
        write_dspf(level, tmp_path / "x.dspf")
        assert_same(read_dspf(tmp_path / "x.dspf"), net_by_net(level))
