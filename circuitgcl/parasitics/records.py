"""What an extractor found in a layout: capacitances between named pieces of metal, as arrays.

Every reader of this room ends in one `Parasitics`; everything later (matching, graphs, reports) starts there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
OffsetArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

GROUND = -1  # node id of the reference node while capacitors are summed; it never appears in a record


@dataclass(frozen=True, kw_only=True)
class SkippedCards:
    """Statements of one kind that the reader met and did not use."""

    kind: str  # card letter (`R`, `M`, `X`), directive (`.include`) or a named special case of a C card
    count: int
    first_line: int  # 1-based


@dataclass(frozen=True, kw_only=True, eq=False)
class Parasitics:
    """Capacitances of one extracted design; N nodes, E coupled pairs, T nets.

    In a net-level file a node is a net. In a pin-level file a node is a piece of a net (its metal, one gate,
    one diffusion area) and `node_net` says of which.
    """

    design: str
    source: str  # file name without folder
    nodes: tuple[str, ...]  # [N] as spelled in the file; the position is the node id
    ground_farad: FloatArray  # [N] farad, to the reference node `0` (substrate)
    pair_a: IntArray  # [E] node id, always below pair_b; sorted by (a, b), each pair once
    pair_b: IntArray  # [E] node id
    pair_farad: FloatArray  # [E] farad, parallel capacitors summed
    nets: tuple[str, ...]  # [T]
    node_net: IntArray  # [N] net id; 0 … N-1 in a net-level file
    pin_offset: OffsetArray  # [N+1]; the device pins of node i are pin_names[pin_offset[i]:pin_offset[i+1]]
    pin_names: tuple[str, ...]
    skipped_cards: tuple[SkippedCards, ...] = ()
    reference_names: tuple[str, ...] = ()  # what the layout calls the reference node, besides `0`

    @property
    def is_pin_level(self) -> bool:
        """Whether nodes are pieces of nets rather than whole nets."""
        return self.nodes != self.nets

    @property
    def ground_total_farad(self) -> float:
        """Sum of all capacitances to the reference node."""
        return float(self.ground_farad.sum())

    @property
    def coupling_total_farad(self) -> float:
        """Sum of all couplings, each counted once."""
        return float(self.pair_farad.sum())

    def pins_of(self, node: int) -> tuple[str, ...]:
        """Device pins that lie on a node."""
        return self.pin_names[self.pin_offset[node] : self.pin_offset[node + 1]]


def sum_capacitors(
    n_nodes: int, end_a: npt.NDArray[np.integer], end_b: npt.NDArray[np.integer], farad: FloatArray
) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
    """Sum two-terminal capacitors into ground capacitances and unordered pairs.

    A capacitor with both ends on one node has no effect and vanishes.

    Args:
        n_nodes: N.
        end_a: [K] node id or `GROUND`.
        end_b: [K] node id or `GROUND`.
        farad: [K] farad.

    Returns:
        ground_farad [N], pair_a [E], pair_b [E], pair_farad [E], as `Parasitics` wants them.
    """
    low = np.minimum(end_a, end_b).astype(np.int64)
    high = np.maximum(end_a, end_b).astype(np.int64)
    to_ground = (low == GROUND) & (high != GROUND)
    ground = np.bincount(high[to_ground], weights=farad[to_ground], minlength=n_nodes)
    coupled = (low != GROUND) & (low != high)
    keys, group = np.unique(low[coupled] * n_nodes + high[coupled], return_inverse=True)
    pair_farad = np.bincount(group, weights=farad[coupled], minlength=len(keys))
    a, b = np.divmod(keys, max(n_nodes, 1))
    return ground.astype(np.float64), a.astype(np.int32), b.astype(np.int32), pair_farad.astype(np.float64)


def to_net_level(parasitics: Parasitics) -> Parasitics:
    """Sum the nodes of each net into one.

    Ground capacitance is conserved; coupling between two nodes of one net vanishes, all other coupling is
    conserved. Device pins go to their net.
    """
    if not parasitics.is_pin_level:
        return parasitics
    net = parasitics.node_net
    n_nets = len(parasitics.nets)
    _, pair_a, pair_b, pair_farad = sum_capacitors(
        n_nets, net[parasitics.pair_a], net[parasitics.pair_b], parasitics.pair_farad
    )
    by_net = np.argsort(net, kind="stable")
    pins_per_net = np.bincount(net, weights=np.diff(parasitics.pin_offset), minlength=n_nets)
    return replace(
        parasitics,
        nodes=parasitics.nets,
        ground_farad=np.bincount(net, weights=parasitics.ground_farad, minlength=n_nets).astype(np.float64),
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=pair_farad,
        node_net=np.arange(n_nets, dtype=np.int32),
        pin_offset=np.concatenate([[0], np.cumsum(pins_per_net)]).astype(np.int64),
        pin_names=tuple(pin for node in by_net for pin in parasitics.pins_of(int(node))),
    )


def tie_to_ground(parasitics: Parasitics, names: Iterable[str]) -> Parasitics:
    """Make some nets part of the reference node, for extractions that keep ground metal apart from node `0`.

    Coupling to these nets becomes ground capacitance of the other end; what they have to ground, or among
    themselves, vanishes. Device pins on them are dropped with them.

    Args:
        parasitics: any level.
        names: net or node names, case ignored; names that do not occur are ignored.
    """
    wanted = {name.casefold() for name in names}
    if not wanted:
        return parasitics
    net_tied = np.array([name.casefold() in wanted for name in parasitics.nets], dtype=bool)
    node_tied = np.array([name.casefold() in wanted for name in parasitics.nodes], dtype=bool)
    node_tied |= net_tied[parasitics.node_net]
    kept = np.flatnonzero(~node_tied)
    if len(kept) == len(parasitics.nodes):
        return parasitics
    new_id = np.full(len(parasitics.nodes), GROUND, dtype=np.int64)
    new_id[kept] = np.arange(len(kept))
    ground, pair_a, pair_b, pair_farad = sum_capacitors(
        len(kept), new_id[parasitics.pair_a], new_id[parasitics.pair_b], parasitics.pair_farad
    )
    nets_kept, node_net = np.unique(parasitics.node_net[kept], return_inverse=True)
    pins_per_node = np.diff(parasitics.pin_offset)[kept]
    return replace(
        parasitics,
        nodes=tuple(parasitics.nodes[i] for i in kept),
        ground_farad=ground + parasitics.ground_farad[kept],
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=pair_farad,
        nets=tuple(parasitics.nets[i] for i in nets_kept),
        node_net=node_net.astype(np.int32),
        pin_offset=np.concatenate([[0], np.cumsum(pins_per_node)]).astype(np.int64),
        pin_names=tuple(pin for node in kept for pin in parasitics.pins_of(int(node))),
        reference_names=(
            *parasitics.reference_names,
            *(name for name, tied in zip(parasitics.nets, net_tied, strict=True) if tied and name != "0"),
        ),
    )
