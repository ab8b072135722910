"""What an annotated netlist really says: read back by the flattener, or measured by ngspice."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics import Parasitics
from circuitgcl.parasitics.records import GROUND, sum_capacitors
from circuitgcl.schema import DeviceType

NGSPICE = shutil.which("ngspice")
RAILS = ("0", "gnd", "gnd!", "vdd", "vdd!", "vss")
FREQUENCY = 1e9  # hertz
MODELS = {
    DeviceType.NMOS: "nmos level=54",
    DeviceType.PMOS: "pmos level=54",
    DeviceType.NPN: "npn",
    DeviceType.PNP: "pnp",
    DeviceType.DIODE: "d",
    DeviceType.RESISTOR: "r rsh=100",
    DeviceType.CAPACITOR: "c cj=1e-3",
}


def record(circuit: FlatCircuit, *, seed: int = 0, density: float = 1.0, values: int = 1000) -> Parasitics:
    """Made-up capacitances of all nets but the rails, of a few distinct values or of many."""
    names = tuple(name for name in circuit.net_names() if name.casefold() not in RAILS)
    random, count = np.random.default_rng(seed), len(names)
    pair_a, pair_b = np.triu_indices(count, 1)
    kept = random.random(len(pair_a)) < density

    def farad(size: int) -> np.ndarray:
        return np.array([float(f"{v}e-19") for v in random.integers(1, values + 1, size)], np.float64)

    return Parasitics(
        design=circuit.name,
        source=circuit.name,
        nodes=names,
        ground_farad=farad(count),
        pair_a=pair_a[kept].astype(np.int32),
        pair_b=pair_b[kept].astype(np.int32),
        pair_farad=farad(int(kept.sum())),
        nets=names,
        node_net=np.arange(count, dtype=np.int32),
        pin_offset=np.zeros(count + 1, np.int64),
        pin_names=(),
    )


def terminals(circuit: FlatCircuit) -> dict[tuple[str, str], int]:
    """Flat net of every instance and local name; added ports change flat names, but not these."""
    paths, found = list(circuit.instance_paths), {}
    for instance, number in enumerate(circuit.instance_definition.tolist()):
        start, stop = circuit.terminal_offset[instance : instance + 2]
        nets = circuit.terminal_net[start:stop].tolist()
        for label, net in zip(circuit.definitions[number].net_labels, nets, strict=True):
            found[paths[instance], label] = net
    return found


def recovered(annotated: FlatCircuit, circuit: FlatCircuit, parasitics: Parasitics) -> Parasitics:
    """The record that the added capacitors of an annotated circuit stand for.

    All other devices must be there as before.
    """
    original, number = terminals(circuit), {name: i for i, name in enumerate(parasitics.nodes)}
    flat_names = circuit.net_names()
    node = {
        net: number.get(flat_names[original[key]], GROUND)
        for key, net in terminals(annotated).items()
        if key in original
    }
    before, names = set(circuit.device_names()), annotated.device_names()
    assert before <= set(names)
    ends: list[list[int]] = []
    farad: list[float] = []
    for device, name in enumerate(names):
        if name in before:
            continue
        assert name.rpartition("/")[2].startswith("Cpar"), name
        start, stop = annotated.pin_offset[device : device + 2]
        ends.append([node.get(net, GROUND) for net in annotated.pin_net[start:stop].tolist()])
        row = annotated.device_card[device]
        farad.append(float(annotated.table.value[row] * annotated.table.multiplier[row]))
    end_a, end_b = np.array(ends, np.int64).reshape(-1, 2).T
    ground, pair_a, pair_b, pair_farad = sum_capacitors(
        len(parasitics.nodes), end_a, end_b, np.array(farad, np.float64)
    )
    return Parasitics(
        **{
            **parasitics.__dict__,
            "ground_farad": ground,
            "pair_a": pair_a,
            "pair_b": pair_b,
            "pair_farad": pair_farad,
        }
    )


def assert_same(found: Parasitics, expected: Parasitics) -> None:
    """Equal to the last bit."""
    assert found.nodes == expected.nodes
    np.testing.assert_array_equal(found.ground_farad, expected.ground_farad)
    np.testing.assert_array_equal(found.pair_a, expected.pair_a)
    np.testing.assert_array_equal(found.pair_b, expected.pair_b)
    np.testing.assert_array_equal(found.pair_farad, expected.pair_farad)


def matrix(parasitics: Parasitics) -> np.ndarray:
    """Capacitance matrix, [N, N]: totals on the diagonal, minus couplings beside it."""
    count = len(parasitics.nodes)
    found = np.zeros((count, count))
    found[parasitics.pair_a, parasitics.pair_b] = -parasitics.pair_farad
    found += found.T
    np.fill_diagonal(found, parasitics.ground_farad - found.sum(axis=1))
    return found


def bench_nodes(circuit: FlatCircuit, nets: Sequence[int]) -> list[str]:
    """Names of nets for a bench that holds the top cell as `Xdut`; ports and globals have their own."""
    top = circuit.definitions[circuit.instance_definition[0]]
    paths, found = list(circuit.instance_paths), []
    for net in nets:
        instance, local = int(circuit.net_instance[net]), int(circuit.net_local[net])
        label = circuit.definitions[circuit.instance_definition[instance]].net_labels[local]
        if instance == 0 and (local < top.port_count or label in circuit.global_nets):
            found.append(label)
        else:
            found.append(".".join(["Xdut", *filter(None, paths[instance].split("/")), label]))
    return found


def measured(
    folder: Path, file: Path, circuit: FlatCircuit, nodes: list[str], driven: list[int]
) -> np.ndarray:
    """Columns of the capacitance matrix that ngspice sees, [len(driven), N]; devices included.

    A source pins every node. With one volt at one of them, the currents of all sources are its column.
    """
    assert NGSPICE is not None
    top = circuit.definitions[circuit.instance_definition[0]]
    ports = list(top.net_labels)[: top.port_count]
    table = circuit.table
    models = {
        table.model_names[model].lower(): MODELS[DeviceType(kind)]
        for kind, model in zip(table.device_type.tolist(), table.model.tolist(), strict=True)
        if DeviceType(kind) in MODELS and table.model_names[model]
    }
    others = [port for port in ports if port not in nodes and port.casefold() != "gnd"]
    control = []
    for node in driven:
        control += [f"alter vp{node} ac = 1", f"ac lin 1 {FREQUENCY:g} {FREQUENCY:g}"]
        control += [f"write c{node}.raw all", f"alter vp{node} ac = 0", "destroy all"]
    lines = [
        "* bench",
        f".include {file.resolve()}",
        *(f".model {name} {card}" for name, card in models.items()),
        f"Xdut {' '.join(ports)} {circuit.name}",
        *(f"vp{i} {node} 0 0" for i, node in enumerate(nodes)),
        *(f"vq{i} {port} 0 0" for i, port in enumerate(others)),
        *(".control", "set filetype=ascii", *control, "quit", ".endc", ".end"),
    ]
    (folder / "bench.sp").write_text("\n".join([*lines, ""]))
    done = subprocess.run(
        [NGSPICE, "-b", "bench.sp"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    columns = []
    for node in driven:
        raw = folder / f"c{node}.raw"
        assert raw.exists(), done.stdout + done.stderr
        head, _, values = raw.read_text().partition("Values:\n")
        names = re.findall(r"^\t\d+\t(\S+)\t", head, re.M)
        numbers = [line.split("\t")[-1] for line in values.strip().splitlines() if line.strip()]
        current = {name: float(text.split(",")[1]) for name, text in zip(names, numbers, strict=True)}
        columns.append([-current[f"i(vp{i})"] / (2 * math.pi * FREQUENCY) for i in range(len(nodes))])
        raw.unlink()
    return np.array(columns)
