"""Targets of a design: what extraction found, on the nets of the schematic.

Capacitance to a rail is load to AC ground, so a net's target load is its ground-equivalent capacitance:
substrate, ground and every rail together. Signal-signal capacitance is coupling. What the extractor itself
called ground capacitance, the target of the published data, is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from circuitgcl.data.pin_labels import PinLabels, label_pins
from circuitgcl.graph.building import CircuitGraph
from circuitgcl.parasitics import MatchReport, NameMap, Parasitics, match_circuit, to_net_level
from circuitgcl.parasitics.matching.assignment import Layout


class Ground(StrEnum):
    """What the capacitance of a node to ground means."""

    EQUIVALENT = "equivalent"  # to substrate, ground and every rail: what a simulation needs at the node
    EXTRACTOR = "extractor"  # what the extractor calls ground capacitance: the target of the published data


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Extracted capacitances of one design with N flat nets and L coupled pairs."""

    pair: NDArray[np.int32]  # [L, 2] signal nets, a < b
    coupling_farad: NDArray[np.float64]  # [L]
    load_farad: NDArray[np.float64]  # [N] ground-equivalent capacitance; NaN on rails and unmatched nets
    ground_farad: NDArray[np.float64]  # [N] to the extraction's reference node alone; NaN as above
    report: MatchReport
    pins: PinLabels | None = None  # of a pin-level extraction

    def load_of(self, ground: Ground) -> NDArray[np.float64]:
        """Load to learn and to score, [N] farad; NaN where it is unknown.

        A ground capacitance of zero means that the extractor wrote none, so it is unknown: not small.
        """
        if ground is Ground.EQUIVALENT:
            return self.load_farad
        return np.where(self.ground_farad > 0, self.ground_farad, np.nan)


def label_nets(
    graph: CircuitGraph,
    parasitics: Parasitics,
    *,
    name_map: NameMap | None = None,
    layout: Layout = None,
) -> Labels:
    """Match an extraction to a circuit graph and collect its targets.

    Args:
        graph: the schematic.
        parasitics: what was extracted, at any level.
        name_map: names that are known to belong together.
        layout: the extracted devices, for nets whose names say nothing; see `match_circuit`.

    Raises:
        ParasiticsError: extraction and schematic have no net in common, or a name of the map is unknown.
    """
    extracted = to_net_level(parasitics)
    nets = graph.circuit.net_count
    match = match_circuit(extracted, graph.circuit, name_map=name_map, layout=layout)
    net_of = match.node_to_net
    is_rail = graph.rails != 0
    on_net = net_of >= 0
    load = np.full(nets, np.nan)
    load[net_of[on_net]] = 0.0
    np.add.at(load, net_of[on_net], extracted.ground_farad[on_net])
    load[is_rail] = np.nan
    ground = load.copy()
    a, b = net_of[extracted.pair_a], net_of[extracted.pair_b]
    known = (a >= 0) & (b >= 0) & (a != b)
    a, b, farad = a[known], b[known], extracted.pair_farad[known]
    for signal, other in ((a, b), (b, a)):
        to_rail = is_rail[other] & ~is_rail[signal]
        np.add.at(load, signal[to_rail], farad[to_rail])
    coupled = ~is_rail[a] & ~is_rail[b]
    a, b, farad = a[coupled], b[coupled], farad[coupled]
    code, inverse = np.unique(
        np.minimum(a, b).astype(np.int64) * nets + np.maximum(a, b), return_inverse=True
    )
    return Labels(
        pair=np.stack([code // nets, code % nets], axis=1).astype(np.int32),
        coupling_farad=np.bincount(inverse.ravel(), weights=farad, minlength=len(code)).astype(np.float64),
        load_farad=load,
        ground_farad=ground,
        report=match.report,
        pins=label_pins(graph, parasitics, net_of[parasitics.node_net]) if parasitics.is_pin_level else None,
    )
