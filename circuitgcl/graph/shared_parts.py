"""What two nets share: hyperedges (devices, instances) that hold both, for many pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.segments import Index

MAX_LISTED = 64  # nets of a hyperedge up to which all its pairs are listed


@dataclass(frozen=True, kw_only=True)
class Memberships:
    """Nets of E hyperedges, every net once per hyperedge, m rows sorted by hyperedge."""

    edge: Index  # [m]
    net: Index  # [m]

    @classmethod
    def of(cls, edge: NDArray[np.integer], net: NDArray[np.integer], nets: int) -> Memberships:
        """Distinct (hyperedge, net) rows."""
        code = np.unique(edge.astype(np.int64) * nets + net)
        return cls(edge=code // nets, net=code % nets)


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """Every hyperedge shared by a requested pair, S rows."""

    pair: Index  # [S] row of the requested pairs
    member_a: Index  # [S] row of the memberships, of the pair's one net
    member_b: Index  # [S] of its other net


def shared_parts(members: Memberships, pair: NDArray[np.integer], nets: int) -> SharedParts:
    """Hyperedges that hold both nets of a pair.

    Args:
        members: nets of the hyperedges.
        pair: [P, 2] nets; a pair may be asked for several times, in either order.
        nets: number of nets.
    """
    low, high = pair.min(axis=1).astype(np.int64), pair.max(axis=1).astype(np.int64)
    wanted = np.zeros(nets, bool)
    wanted[low], wanted[high] = True, True
    rows = np.flatnonzero(wanted[members.net])
    edge, net = members.edge[rows], members.net[rows]
    start = np.flatnonzero(np.concatenate([[True], edge[1:] != edge[:-1]])) if len(edge) else rows
    arity = np.diff(np.concatenate([start, [len(edge)]]))
    code = low * nets + high
    order = np.argsort(code, kind="stable")
    code = code[order]
    found: list[tuple[Index, Index, Index]] = []
    for size in np.unique(arity[arity > 1]).tolist():
        begin = start[arity == size]
        if size <= MAX_LISTED:
            one, other = np.triu_indices(size, 1)  # nets ascend within a hyperedge
            first, second = (begin[:, None] + one).ravel(), (begin[:, None] + other).ravel()
            sought = net[first] * nets + net[second]
            below, above = np.searchsorted(code, sought), np.searchsorted(code, sought, side="right")
            times = above - below
            asked = np.repeat(below, times) + _counted(times)
            found.append((order[asked], np.repeat(first, times), np.repeat(second, times)))
            continue
        for at in begin.tolist():
            place = np.full(nets, -1)
            place[net[at : at + size]] = np.arange(at, at + size)
            both = np.flatnonzero((place[low] >= 0) & (place[high] >= 0) & (low != high))
            found.append((both, place[low[both]], place[high[both]]))
    none = np.zeros(0, np.int64)
    asked, first, second = (np.concatenate([none, *(part[k] for part in found)]) for k in range(3))
    swapped = net[first] != pair[asked, 0]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    return SharedParts(pair=asked, member_a=rows[first], member_b=rows[second])


def _counted(times: Index) -> Index:
    """0 … times[k] - 1 for every k in a row."""
    ends = np.cumsum(times)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - times, times)
