"""An estimate as a parasitic record: what a simulation is to see at every net."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.estimation.predicting import FloatArray
from circuitgcl.netlist import FlatCircuit
from circuitgcl.netlist.records import GROUND_NAMES
from circuitgcl.parasitics.records import GROUND, Parasitics, sum_capacitors

NEGLIGIBLE = 0.01  # of the smallest coupling that counts
DIGITS = 6  # significant ones; equal cells stay equal through the rounding errors of the network


def expected_parasitics(
    circuit: FlatCircuit,
    *,
    design: str,
    nets: NDArray[np.int64],
    load_farad: FloatArray,
    pair: NDArray[np.int64],
    pair_farad: FloatArray,
    min_cap_farad: float,
) -> Parasitics:
    """Net-level record of expected capacitances.

    The reference node stands for ground, substrate and every rail, as in the ground-equivalent load. Coupling
    to a net that is not among the T nets, and coupling below `NEGLIGIBLE * min_cap_farad`, which would only
    fill files and matrices, count as load of the other end, so that the total of every net is kept.

    Args:
        circuit: the flat circuit with N nets.
        design: name of the design.
        nets: [T] flat nets that the record shall have.
        load_farad: [N] load to ground.
        pair: [P, 2] flat nets.
        pair_farad: [P] expected coupling: each by its probability.
        min_cap_farad: smallest coupling that counts.
    """
    names = circuit.net_names(nets.tolist())
    ports = circuit.definitions[circuit.instance_definition[0]].port_count
    is_inner = (circuit.net_instance[nets] != 0) | (circuit.net_local[nets] >= ports)
    is_reference = [
        name.casefold() in GROUND_NAMES and inner
        for name, inner in zip(names, is_inner.tolist(), strict=True)
    ]
    kept = nets[~np.array(is_reference, bool)]
    node = np.full(circuit.net_count, GROUND, np.int64)
    node[kept] = np.arange(len(kept))
    end_a, end_b = node[pair[:, 0]], node[pair[:, 1]]
    lumped = pair_farad < NEGLIGIBLE * min_cap_farad
    to_ground = np.full(int(lumped.sum()), GROUND, np.int64)
    ground, pair_a, pair_b, farad = sum_capacitors(
        len(kept),
        np.concatenate([end_a[~lumped], end_a[lumped], end_b[lumped]]),
        np.concatenate([end_b[~lumped], to_ground, to_ground]),
        np.concatenate([pair_farad[~lumped], pair_farad[lumped], pair_farad[lumped]]),
    )
    nodes = tuple(name for name, left_out in zip(names, is_reference, strict=True) if not left_out)
    return Parasitics(
        design=design,
        source=design,
        nodes=nodes,
        ground_farad=_rounded(ground + load_farad[kept]),
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=_rounded(farad),
        nets=nodes,
        node_net=np.arange(len(nodes), dtype=np.int32),
        pin_offset=np.zeros(len(nodes) + 1, np.int64),
        pin_names=(),
    )


def _rounded(values: FloatArray) -> FloatArray:
    """Values to `DIGITS` significant decimal digits."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in values.tolist()], np.float64)
