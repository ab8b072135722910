"""Pairs of local nets of one definition's body that may lie near each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.indices import MAX_BUS_STEP, IndexedName, families, steps
from circuitgcl.netlist.records import Definition

MAX_ALL_PAIRS = 64  # nets of a leaf body up to which every pair is a candidate
MAX_HOP_FANOUT = 16  # nets with more pins connect too much to say that two others are near
MIN_CROSS_BUDGET = 4096  # net pairs of two families that any body may form
MAX_CROSSINGS = 300_000  # net pairs of different families that one body may form

LocalPair = tuple[int, int]


def leaf_pairs(definition: Definition, signal: NDArray[np.int64]) -> Iterable[LocalPair]:
    """Pairs of a body with devices: all of a small cell; of a large flat one those at most two devices apart.

    Args:
        definition: the body.
        signal: local nets to pair, ascending.

    Returns:
        (lower, higher) local net, every pair once, ascending.
    """
    nets = signal.tolist()
    if len(nets) <= MAX_ALL_PAIRS:
        return combinations(nets, 2)
    return sorted(_two_hop_pairs(definition, nets) | set(_bus_steps(definition, nets)))


def routing_pairs(
    definition: Definition, signal: NDArray[np.int64], names: Sequence[IndexedName]
) -> Iterable[LocalPair]:
    """Pairs of a body that only connects blocks.

    Nets of one family meet their next neighbours only; nets of two families all meet, as long as that stays
    within a few times the number of children (crossing bit lines and word lines have a cell for every
    crossing), otherwise only those of equal or adjacent index. Where that would still be too many, as between
    the cells of a synthesised netlist, nets of two families meet at the cells they share.

    Args:
        definition: the body.
        signal: local nets to pair, ascending.
        names: index structure of all its local nets.

    Returns:
        (lower, higher) local net, every pair once, ascending.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for net in signal.tolist():
        groups.setdefault((names[net].family, len(names[net].coordinates)), []).append(net)
    crossings = _crossings(definition, list(groups.values()), names)
    pairs = _pairs_at_children(definition, set(signal.tolist())) if crossings is None else crossings
    return sorted(pairs | set(_bus_steps(definition, signal.tolist())))


def _crossings(
    definition: Definition, groups: Sequence[list[int]], names: Sequence[IndexedName]
) -> set[LocalPair] | None:
    """Pairs of nets of different families, or nothing where they exceed `MAX_CROSSINGS`."""
    budget = max(MIN_CROSS_BUDGET, 4 * len(definition.child_definition))
    pairs: set[LocalPair] = set()
    for first, second in combinations(groups, 2):
        if len(pairs) > MAX_CROSSINGS:
            return None
        if len(first) * len(second) <= budget:
            pairs.update(_ordered(a, b) for a in first for b in second)
        else:
            pairs.update(_aligned(first, second, names))
    return pairs


def _pairs_at_children(definition: Definition, signal: set[int]) -> set[LocalPair]:
    """Nets that meet at a child with few nets."""
    pairs: set[LocalPair] = set()
    for start, stop in pairwise(definition.child_net_offset.tolist()):
        nets = sorted(signal.intersection(definition.child_net[start:stop].tolist()))
        if len(nets) <= MAX_ALL_PAIRS:
            pairs.update(combinations(nets, 2))
    return pairs


def _ordered(a: int, b: int) -> LocalPair:
    return (a, b) if a < b else (b, a)


def _two_hop_pairs(definition: Definition, nets: list[int]) -> set[LocalPair]:
    """Nets that share a device, or two devices that share a net of small fan-out."""
    devices_at: dict[int, list[int]] = {net: [] for net in nets}
    nets_of: list[list[int]] = []
    for device in range(len(definition.device_card)):
        start, stop = definition.pin_offset[device : device + 2]
        touched = sorted({net for net in definition.pin_net[start:stop].tolist() if net in devices_at})
        nets_of.append(touched)
        for net in touched:
            devices_at[net].append(device)
    near = {net: {other for device in devices_at[net] for other in nets_of[device]} - {net} for net in nets}
    pairs: set[LocalPair] = set()
    for a in nets:
        reach = set(near[a])
        for middle in near[a]:
            if len(devices_at[middle]) <= MAX_HOP_FANOUT:
                reach |= near[middle]
        pairs.update(_ordered(a, b) for b in reach if b != a)
    return pairs


def _bus_steps(definition: Definition, nets: list[int]) -> Iterator[LocalPair]:
    """Nets of one family up to `MAX_BUS_STEP` apart in one coordinate."""
    for (_, count), members in families([definition.net_labels[net] for net in nets]).items():
        if count:
            for step in range(1, MAX_BUS_STEP + 1):
                for lower, upper, _, _ in steps(members, step):
                    yield _ordered(nets[lower], nets[upper])


def _aligned(first: list[int], second: list[int], names: Sequence[IndexedName]) -> Iterator[LocalPair]:
    """Nets of two families whose last coordinates are equal or adjacent."""
    at: dict[int, list[int]] = {}
    for net in second:
        for last in names[net].coordinates[-1:]:
            at.setdefault(last, []).append(net)
    for net in first:
        for last in names[net].coordinates[-1:]:
            for other in (*at.get(last - 1, ()), *at.get(last, ()), *at.get(last + 1, ())):
                yield _ordered(net, other)
