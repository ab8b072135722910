"""Pairs of local nets of one definition's body that may lie near each other."""

from __future__ import annotations

import numpy as np

from circuitgcl.graph.indices import MAX_BUS_STEP, IndexedNames
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.graph.shared_parts import Memberships
from circuitgcl.netlist.records import Definition

MAX_ALL_PAIRS = 64  # nets of a leaf body up to which every pair is a candidate
MAX_WHOLE_BUS = 16  # members of a family up to which all of them meet
MAX_HOP_FANOUT = 16  # nets with more pins connect too much to say that two others are near
MIN_CROSS_BUDGET = 4096  # net pairs of two families that any body may form
MAX_CROSSINGS = 300_000  # net pairs of different families that one body may form


def leaf_pairs(definition: Definition, signal: Index, names: IndexedNames) -> Index:
    """Pairs of a body with devices: all of a small cell; of a large flat one those at most two devices apart.

    Args:
        definition: the body.
        signal: local nets to pair, ascending.
        names: index structure of all its local nets.

    Returns:
        [p, 2] (lower, higher) local net, every pair once, ascending.
    """
    if len(signal) <= MAX_ALL_PAIRS:
        return np.stack([signal[side] for side in np.triu_indices(len(signal), 1)], axis=1)
    return _distinct(definition.net_count, _two_hop_pairs(definition, signal), _bus_steps(signal, names))


def routing_pairs(definition: Definition, signal: Index, names: IndexedNames) -> Index:
    """Pairs of a body that only connects blocks.

    Nets of one wide family meet their next neighbours only; nets of two families all meet, as long as that
    stays within a few times the number of children (crossing bit lines and word lines have a cell for every
    crossing), otherwise only those of equal or adjacent index. Where that would still be too many, as between
    the cells of a synthesised netlist, nets of two families meet at the cells they share.

    Args:
        definition: the body.
        signal: local nets to pair, ascending.
        names: index structure of all its local nets.

    Returns:
        [p, 2] (lower, higher) local net, every pair once, ascending.
    """
    crossings = _crossings(definition, signal, names)
    pairs = _pairs_at_children(definition, signal) if crossings is None else crossings
    return _distinct(definition.net_count, pairs, _bus_steps(signal, names))


def _distinct(nets: int, *parts: Index) -> Index:
    """All pairs of some [*, 2] lists once, (lower, higher), ascending."""
    pairs = np.concatenate(parts)
    code = np.unique(pairs.min(axis=1) * nets + pairs.max(axis=1))
    return np.stack([code // nets, code % nets], axis=1)


def _crossings(definition: Definition, signal: Index, names: IndexedNames) -> Index | None:
    """Pairs of nets of different families, or nothing where they exceed `MAX_CROSSINGS`."""
    budget = max(MIN_CROSS_BUDGET, 4 * len(definition.child_definition))
    _, first, family = np.unique(names.family[signal], return_index=True, return_inverse=True)
    family = np.argsort(np.argsort(first))[family]  # families in the order of their first member
    members = signal[np.argsort(family, kind="stable")]
    bounds = offsets(np.bincount(family, minlength=len(first)))
    sizes = np.diff(bounds)
    if len(sizes) * (len(sizes) - 1) > 4 * MAX_CROSSINGS:  # any two families add at least one pair
        return None
    one, other = np.triu_indices(len(sizes), 1)
    counts = sizes[one] * sizes[other]
    aligned: list[Index] = []
    for wide in np.flatnonzero(counts > budget).tolist():
        a, b = (members[bounds[group] : bounds[group + 1]] for group in (one[wide], other[wide]))
        aligned.append(_aligned(a, b, names))
        counts[wide] = len(aligned[-1])
        if counts[:wide].sum() > MAX_CROSSINGS:
            return None
    if counts[:-1].sum() > MAX_CROSSINGS:  # what the last two families add is not looked at
        return None
    full = np.flatnonzero(sizes[one] * sizes[other] <= budget)
    one, other, counts = one[full], other[full], counts[full]
    place = np.arange(int(counts.sum())) - np.repeat(offsets(counts)[:-1], counts)
    width = np.repeat(sizes[other], counts)
    first_net = members[np.repeat(bounds[one], counts) + place // np.maximum(width, 1)]
    second_net = members[np.repeat(bounds[other], counts) + place % np.maximum(width, 1)]
    return np.concatenate([np.stack([first_net, second_net], axis=1), *aligned])


def _aligned(first: Index, second: Index, names: IndexedNames) -> Index:
    """Pairs of nets of two families whose last coordinates are equal or adjacent."""
    last = names.last
    first, second = first[last[first] >= 0], second[last[second] >= 0]
    second = second[np.argsort(last[second], kind="stable")]
    low = np.searchsorted(last[second], last[first] - 1)
    counts = np.searchsorted(last[second], last[first] + 1, side="right") - low
    return np.stack([np.repeat(first, counts), second[positions(low, counts)]], axis=1)


def _pairs_at_children(definition: Definition, signal: Index) -> Index:
    """Nets that meet at a child with few nets."""
    child = np.repeat(np.arange(len(definition.child_definition)), np.diff(definition.child_net_offset))
    inside = np.isin(definition.child_net, signal)
    joined = Memberships.of(child[inside], definition.child_net[inside], definition.net_count)
    counts = np.bincount(joined.edge, minlength=len(definition.child_definition))
    start = offsets(counts)[:-1]
    pairs = [np.zeros((0, 2), np.int64)]
    for arity in np.unique(counts[(counts > 1) & (counts <= MAX_ALL_PAIRS)]).tolist():
        nets = joined.net[start[counts == arity][:, None] + np.arange(arity)]
        pairs += [
            np.stack([nets[:, a], nets[:, b]], axis=1)
            for a, b in zip(*np.triu_indices(arity, 1), strict=True)
        ]
    return np.concatenate(pairs)


def _two_hop_pairs(definition: Definition, signal: Index) -> Index:
    """Nets that share a device, or two devices that share a net of small fan-out."""
    from scipy.sparse import csr_array

    number = np.full(definition.net_count, -1)
    number[signal] = np.arange(len(signal))
    device = np.repeat(np.arange(len(definition.device_card)), np.diff(definition.pin_offset))
    net = number[definition.pin_net]
    touched = Memberships.of(device[net >= 0], net[net >= 0], len(signal))
    shape = (len(signal), len(definition.device_card))
    incidence = csr_array((np.ones(len(touched.net), np.int32), (touched.net, touched.edge)), shape=shape)
    near = incidence @ incidence.T
    near.setdiag(0)
    near.eliminate_zeros()
    near.data[:] = 1
    few = np.flatnonzero(np.bincount(touched.net, minlength=len(signal)) <= MAX_HOP_FANOUT)
    reach = (near + near[:, few] @ near[few, :]).tocoo()
    a, b = reach.coords
    above = a < b
    return np.stack([signal[a[above]], signal[b[above]]], axis=1)


def _bus_steps(signal: Index, names: IndexedNames) -> Index:
    """Nets of one family: all of a narrow bus, of a wide one those up to `MAX_BUS_STEP` apart in a place.

    Wires of a narrow bus run side by side, in an order that their indices need not tell.
    """
    chosen = names.take(signal)
    found = [chosen.steps(step) for step in range(1, MAX_BUS_STEP + 1)]
    steps = [np.stack([part.lower, part.upper], axis=1) for part in found]
    pairs: Index = signal[np.concatenate([*steps, *_narrow_buses(chosen)])]
    return pairs


def _narrow_buses(names: IndexedNames) -> list[Index]:
    """All pairs of the members of families that have up to `MAX_WHOLE_BUS`, places among the names."""
    family, size = np.unique(names.family, return_inverse=True, return_counts=True)[1:]
    order, start = np.argsort(family, kind="stable"), offsets(size)[:-1]
    found = []
    for members in range(2, MAX_WHOLE_BUS + 1):
        bus = order[start[size == members][:, None] + np.arange(members)]
        one, other = np.triu_indices(members, 1)
        found.append(np.stack([bus[:, one].ravel(), bus[:, other].ravel()], axis=1))
    return found
