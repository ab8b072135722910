"""Targets at device pins: hand values, and sums that are those of the nets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import Labels, label_nets
from circuitgcl.graph import CircuitGraph
from circuitgcl.parasitics import read_parasitics

# metal of a, b, c; the gate of x1/mn, both drains of x1 on one piece, the source of x2/mn on ground
PIECES = """* pin level
*|P x1/mn:G a x1/mn:G
*|P x1/mp:D b x1/mp:D x1/mn:D
*|P x2/mn:S gnd x2/mn:S
*|P x9/mq:G b x9/mq:G
.subckt pair_pex
C1 a b 1f
C2 a x1/mp:D 2f
C3 x1/mn:G x1/mp:D 4f
C4 x1/mn:G b 8f
C5 c x2/mn:S 16f
C6 x1/mp:D x2/mn:S 32f
C7 x1/mn:G 0 64f
C8 x1/mn:G a 128f
C9 x9/mq:G c 256f
C10 x1/mp:D vdd 2f
.ends
"""


@pytest.fixture
def labels(graph: CircuitGraph, tmp_path: Path) -> Labels:
    path = tmp_path / "pair.pin.pex.sp"
    path.write_text(PIECES)
    return label_nets(graph, read_parasitics(path))


@pytest.fixture
def pin(graph: CircuitGraph) -> dict[str, int]:
    """Flat pins as `device:position`."""
    names = graph.circuit.device_names()
    starts = graph.circuit.pin_offset
    return {f"{name}:{k}": int(starts[d]) + k for d, name in enumerate(names) for k in range(4)}


def table(pair: np.ndarray, farad: np.ndarray) -> dict[tuple[int, int], float]:
    return {
        tuple(key): value for key, value in zip(pair.tolist(), (farad * 1e15).round(6).tolist(), strict=True)
    }


def test_hand_values(graph: CircuitGraph, labels: Labels, pin: dict[str, int]):
    net = {name: number for number, name in enumerate(graph.circuit.net_names())}
    a, b, c = net["a"], net["b"], net["c"]
    gate, drain_p, drain_n = pin["x1/mn:1"], pin["x1/mp:0"], pin["x1/mn:0"]
    found = labels.pins
    assert found is not None
    # a pin nobody knows is metal of its net: 256 fF from b to c
    assert table(found.metal_pair, found.metal_farad) == {
        (min(a, b), max(a, b)): 1.0,
        (min(b, c), max(b, c)): 256.0,
    }
    # two pins on one piece share its capacitance; a gate of a is no coupling to a's own metal
    assert table(found.pin_net_pair, found.pin_net_farad) == {
        (drain_p, a): 1.0,
        (drain_n, a): 1.0,
        (gate, b): 8.0,
    }
    pairs = {(min(gate, d), max(gate, d)): 2.0 for d in (drain_p, drain_n)}
    assert table(found.pin_pair, found.pin_pair_farad) == pairs
    load = (found.pin_load_farad * 1e15).round(6)
    assert load[gate] == 64.0
    assert load[[drain_p, drain_n]].tolist() == [17.0, 17.0]  # half of 32 to a ground pin, half of 2 to vdd
    assert np.flatnonzero(np.isfinite(load)).tolist() == sorted([gate, drain_p, drain_n])
    ground = (found.pin_ground_farad * 1e15).round(6)
    assert ground[[gate, drain_p, drain_n]].tolist() == [64.0, 0.0, 0.0]
    assert found.unknown_pins == 1


def test_parts_sum_to_the_coupling_of_nets(graph: CircuitGraph, labels: Labels):
    found = labels.pins
    assert found is not None
    of_pin = graph.circuit.pin_net
    parts = np.concatenate(
        [
            found.metal_pair,
            np.stack([of_pin[found.pin_net_pair[:, 0]], found.pin_net_pair[:, 1]], axis=1),
            of_pin[found.pin_pair],
        ]
    )
    farad = np.concatenate([found.metal_farad, found.pin_net_farad, found.pin_pair_farad])
    total: dict[tuple[int, ...], float] = {}
    for pair, value in zip(np.sort(parts, axis=1).tolist(), farad.tolist(), strict=True):
        total[tuple(pair)] = total.get(tuple(pair), 0.0) + value
    assert total == pytest.approx(
        dict(zip(map(tuple, labels.pair.tolist()), labels.coupling_farad, strict=True))
    )


def test_pins_of_fingers_are_pins_of_their_device(graph: CircuitGraph, tmp_path: Path, pin: dict[str, int]):
    path = tmp_path / "fingers.pin.pex.sp"
    path.write_text(
        "* two gate fingers on pieces of their own, one called as LVS tools call elements\n"
        "*|P Mx1/mn@2:G a Mx1/mn@2:G\n*|P x1/mn:G a x1/mn:G\n.subckt pair_pex\n"
        "C1 x1/mn:G 0 1f\nC2 Mx1/mn@2:G 0 2f\nC3 Mx1/mn@2:G b 4f\nC4 a b 8f\n.ends\n"
    )
    found = label_nets(graph, read_parasitics(path)).pins
    assert found is not None
    assert found.unknown_pins == 0
    assert found.pin_load_farad[pin["x1/mn:1"]] == pytest.approx(3e-15)
    assert (found.pin_net_farad * 1e15).tolist() == pytest.approx([4.0])
    assert found.pin_net_pair[0, 0] == pin["x1/mn:1"]


def test_real_extraction():
    from dataclasses import replace

    from circuitgcl.data import load_design, read_manifest

    folder = Path(__file__).parents[3] / "netlists" / "openram"
    files = next(f for f in read_manifest(folder / "manifest.toml") if f.name == "fpdk45_2x16")
    design = load_design(replace(files, extracted=folder / "fpdk45_2x16.pin.pex.sp.gz"))
    labels = design.labels
    assert labels is not None
    found = labels.pins
    assert found is not None
    assert found.unknown_pins == 0
    parts = found.metal_farad.sum() + found.pin_net_farad.sum() + found.pin_pair_farad.sum()
    assert parts == pytest.approx(labels.coupling_farad.sum(), rel=1e-12)
    assert min(map(len, (found.metal_pair, found.pin_net_pair, found.pin_pair))) > 1000
    assert np.isfinite(found.pin_load_farad).mean() > 0.5
