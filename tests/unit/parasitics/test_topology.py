"""Topology: circuits without names are recognised; what is returned is checked to be an isomorphism."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgcl.hashing import mixed
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.parasitics.matching.device_graph import DeviceGraph, graph_of_circuit, models_of, shared_kinds
from circuitgcl.parasitics.matching.hashing import sums_by_key
from circuitgcl.parasitics.matching.topology import Alignment, align

ROOT = Path(__file__).resolve().parents[3]
NETLISTS = sorted((ROOT / "netlists").glob("*.sp"))
OPENRAM = ROOT.parent / "shared" / "data" / "openram"
MACROS = ["fpdk45_2x16", "scn4m_2x16", "fpdk45_16x64", "fpdk45_8x32__port_data", "scn4m_16x64__bank"]
NO_SEEDS = np.empty(0, np.int32), np.empty(0, np.int32)


def graph(circuit: FlatCircuit) -> DeviceGraph:
    models = models_of(circuit)
    return graph_of_circuit(circuit, shared_kinds(models, models))


def shuffled(original: DeviceGraph, seed: int) -> tuple[DeviceGraph, np.ndarray]:
    """The same circuit, nets and devices renumbered and terminals in another order; new net of each old."""
    rng = np.random.default_rng(seed)
    net, device = rng.permutation(original.net_count), rng.permutation(original.device_count)
    old = np.argsort(device)
    pins = rng.permutation(len(original.pin_net))
    pins = pins[np.argsort(device[original.pin_device[pins]], kind="stable")]
    return (
        replace(
            original,
            kind=original.kind[old],
            pin_device=device[original.pin_device[pins]].astype(np.int32),
            pin_net=net[original.pin_net[pins]].astype(np.int32),
            pin_role=original.pin_role[pins],
            width_m=original.width_m[old],
            length_m=original.length_m[old],
            copies=original.copies[old],
        ),
        net,
    )


def devices_seen(one: DeviceGraph, net: np.ndarray) -> list[tuple[object, ...]]:
    """Multiset of devices as kind, terminals and nets under another numbering, exactly."""
    pins: list[list[tuple[int, int]]] = [[] for _ in range(one.device_count)]
    for device, role, at in zip(
        one.pin_device.tolist(), one.pin_role.tolist(), net[one.pin_net].tolist(), strict=True
    ):
        pins[device].append((role, at))
    return sorted((kind, *sorted(found)) for kind, found in zip(one.kind.tolist(), pins, strict=True))


def check_isomorphism(one: DeviceGraph, other: DeviceGraph, found: Alignment) -> None:
    """Every net with a device has a partner of its own, and the devices come out the same."""
    used = np.unique(one.pin_net)
    partner = found.net_partner
    assert (partner[used] >= 0).all()
    assert len(np.unique(partner[used])) == len(used)
    assert devices_seen(one, partner) == devices_seen(other, np.arange(other.net_count))
    assert (found.device_partner >= 0).all()
    assert found.classes_unbalanced == 0


@pytest.mark.parametrize("path", NETLISTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("with_ports", [False, True], ids=["blind", "ports"])
def test_netlists_without_names(path: Path, with_ports: bool):
    circuit = flatten(read_netlist(path))
    original = graph(circuit)
    renamed, net = shuffled(original, seed=len(path.stem))
    one, other = original.folded(), renamed.folded()
    ports = circuit.definitions[circuit.instance_definition[0]].port_count
    seeds = np.flatnonzero((circuit.net_instance == 0) & (circuit.net_local < ports)).astype(np.int32)
    found = align(one, other, (seeds, net[seeds].astype(np.int32)) if with_ports else NO_SEEDS)
    check_isomorphism(one, other, found)
    sure = ~found.net_is_symmetric & (found.net_partner >= 0)
    np.testing.assert_array_equal(found.net_partner[sure], net[sure])
    again = align(one, other, (seeds, net[seeds].astype(np.int32)) if with_ports else NO_SEEDS)
    np.testing.assert_array_equal(again.net_partner, found.net_partner)


@pytest.mark.skipif(not OPENRAM.is_dir(), reason="labelled SRAM data not present")
@pytest.mark.parametrize("name", MACROS)
def test_macros_without_names(name: str):
    circuit = flatten(read_netlist(OPENRAM / f"{name}.sp.gz"))
    original = graph(circuit)
    renamed, net = shuffled(original, seed=3)
    one, other = original.folded(), renamed.folded()
    found = align(one, other, NO_SEEDS)
    check_isomorphism(one, other, found)
    sure = ~found.net_is_symmetric & (found.net_partner >= 0)
    np.testing.assert_array_equal(found.net_partner[sure], net[sure])


def hand(*devices: tuple[int, dict[int, list[int]]], nets: int, width: float = np.nan) -> DeviceGraph:
    """Devices as kind and nets by role."""
    rows = [
        (number, role, net)
        for number, (_, by_role) in enumerate(devices)
        for role, on in by_role.items()
        for net in on
    ]
    return DeviceGraph(
        net_count=nets,
        kind=np.array([kind for kind, _ in devices], np.int64),
        pin_device=np.array([row[0] for row in rows], np.int32),
        pin_net=np.array([row[2] for row in rows], np.int32),
        pin_role=np.array([row[1] for row in rows], np.int32),
        width_m=np.full(len(devices), width),
        length_m=np.full(len(devices), np.nan),
        copies=np.ones(len(devices), np.int32),
    )


def mos(kind: int, gate: int, one: int, other: int) -> tuple[int, dict[int, list[int]]]:
    return kind, {0: [gate], 1: [one, other]}


def test_parallel_fingers_fold_and_series_ones_do_not():
    fingers = hand(
        mos(0, 0, 1, 2), mos(0, 0, 2, 1), mos(1, 0, 1, 2), mos(0, 0, 2, 3), nets=4, width=2.0
    ).folded()
    assert fingers.device_count == 3
    assert fingers.width_m.tolist() == [4.0, 2.0, 2.0]
    assert fingers.copies.tolist() == [2, 1, 1]
    assert np.bincount(fingers.pin_device).tolist() == [3, 3, 3]


def test_source_and_drain_exchange():
    one = hand(mos(0, 0, 1, 2), mos(0, 3, 2, 4), nets=5)
    other = hand(mos(0, 0, 2, 1), mos(0, 3, 4, 2), nets=5)
    found = align(one, other, (np.array([0], np.int32), np.array([0], np.int32)))
    assert found.net_partner.tolist() == [0, 1, 2, 3, 4]
    assert not found.net_is_symmetric.any()


def test_a_symmetric_pair_is_matched_and_marked():
    latch = hand(mos(0, 1, 2, 0), mos(0, 2, 1, 0), mos(1, 1, 2, 3), mos(1, 2, 1, 3), nets=4)
    found = align(latch, latch, NO_SEEDS)
    assert found.net_is_symmetric.tolist() == [False, True, True, False]
    assert sorted(found.net_partner.tolist()) == [0, 1, 2, 3]
    check_isomorphism(latch, latch, found)
    seeded = align(latch, latch, (np.array([1], np.int32), np.array([2], np.int32)))
    assert seeded.net_partner.tolist() == [0, 2, 1, 3]
    assert not seeded.net_is_symmetric.any()


def test_regular_graphs_need_more_than_refinement():
    """Rings of six, and twice three, look alike to refinement: a choice must be undone or refused."""
    triangles = [mos(1, 12, base + i, base + (i + 1) % 3) for base in (6, 9) for i in range(3)]
    ring = hand(*(mos(0, 12, i, (i + 1) % 6) for i in range(6)), *triangles, nets=13)
    renamed, _ = shuffled(ring, seed=2)
    check_isomorphism(ring, renamed, align(ring, renamed, NO_SEEDS))
    six = hand(*(mos(0, 6, i, (i + 1) % 6) for i in range(6)), nets=7)
    twice = hand(*(mos(0, 6, i, 3 * (i // 3) + (i + 1) % 3) for i in range(6)), nets=7)
    found = align(six, twice, NO_SEEDS)
    assert (found.net_partner == -1).all()  # there is no isomorphism


def test_a_difference_spoils_its_surroundings_only():
    circuit = flatten(read_netlist(ROOT / "netlists" / "adc_sar_slice.sp"))
    original = graph(circuit)
    kept = original.pin_device != 100  # a device is missing in the layout
    device = original.pin_device[kept]
    layout = replace(
        original,
        kind=np.delete(original.kind, 100),
        pin_device=(device - (device > 100)).astype(np.int32),
        pin_net=original.pin_net[kept],
        pin_role=original.pin_role[kept],
        width_m=np.delete(original.width_m, 100),
        length_m=np.delete(original.length_m, 100),
        copies=np.delete(original.copies, 100),
    )
    ports = np.flatnonzero(circuit.net_instance == 0).astype(np.int32)
    found = align(layout.folded(), original.folded(), (ports, ports))
    matched = found.net_partner >= 0
    np.testing.assert_array_equal(found.net_partner[matched], np.flatnonzero(matched))
    assert matched.mean() > 0.9
    assert found.classes_unbalanced > 0


def test_sizes_break_a_symmetry():
    pair = hand(mos(0, 0, 1, 2), mos(0, 0, 3, 2), nets=4)
    wide = replace(pair, width_m=np.array([1e-6, 2e-6]), length_m=np.array([1e-7, 1e-7]))
    turned = replace(wide, width_m=wide.width_m[::-1].copy())
    found = align(wide, turned, NO_SEEDS)
    assert found.net_partner.tolist() == [0, 3, 2, 1]
    assert not found.net_is_symmetric.any()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_circuits_are_found_again(data: st.DataObject):
    nets = data.draw(st.integers(3, 12))
    net = st.integers(0, nets - 1)
    devices = data.draw(st.lists(st.builds(mos, st.integers(0, 1), net, net, net), min_size=1, max_size=25))
    original = hand(*devices, nets=nets)
    renamed, _ = shuffled(original, seed=data.draw(st.integers(0, 1000)))
    one, other = original.folded(), renamed.folded()
    check_isomorphism(one, other, align(one, other, NO_SEEDS))


def test_empty_circuits():
    nothing = hand(nets=0)
    assert align(nothing, nothing, NO_SEEDS).net_partner.tolist() == []
    assert align(hand(nets=2), hand(nets=3), NO_SEEDS).net_partner.tolist() == [-1, -1]


def test_hashes_of_multisets():
    values = mixed(np.arange(1000, dtype=np.uint64))
    assert len(np.unique(values)) == 1000
    keys, sums = sums_by_key(np.array([3, 1, 3]), values[:3])
    assert keys.tolist() == [1, 3]
    assert sums[1] == np.add(values[:1], values[2:3])[0]
    assert sums_by_key(np.empty(0, np.int64), values[:0])[0].tolist() == []


@pytest.mark.skipif(shutil.which("netgen-lvs") is None, reason="netgen not installed")
def test_netgen_agrees_that_the_renamed_netlist_is_the_same(tmp_path: Path):
    """The renaming of nets found by topology, written out, is the same circuit to another tool."""
    text = (ROOT / "netlists" / "ota_5t.sp").read_text()
    circuit = flatten(read_netlist(ROOT / "netlists" / "ota_5t.sp"))
    one = graph(circuit).folded()
    renamed, net = shuffled(graph(circuit), seed=1)
    found = align(one, renamed.folded(), NO_SEEDS)
    np.testing.assert_array_equal(found.net_partner, net)
    other = text
    for name in sorted(circuit.net_names(), key=len, reverse=True):
        other = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", f"zz_{name}", other)
    (tmp_path / "a.sp").write_text(text)
    (tmp_path / "b.sp").write_text(other)
    top = re.search(r"(?im)^\.subckt\s+(\S+)", text)
    assert top is not None
    done = subprocess.run(
        ["netgen-lvs", "-batch", "lvs", f"a.sp {top[1]}", f"b.sp {top[1]}", "nosetup", "out.txt"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "match uniquely" in done.stdout + (tmp_path / "out.txt").read_text()
