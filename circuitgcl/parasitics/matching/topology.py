"""Which net of one circuit is which of another, told from the devices on them.

As in layout-versus-schematic checks, both circuits are one graph of nets and devices, and colour refinement
splits its classes: nets by the classes of the devices on them and the terminals they take, devices by the
classes of their nets. A class with one net of each circuit is a match. Only classes with equally many members
on both sides are used to split others, so that a difference between the circuits spoils its surroundings and
no more.

What refinement leaves together is symmetric, or nearly always so. Such a class is split by calling one net of
each side equal and refining again; where that leads to a contradiction, another net is tried.

Refinement follows B. D. McKay, "Practical graph isomorphism" (1981); the use of balanced classes only follows
C. Ebeling, "GeminiII: a second generation layout validation program" (ICCAD 1988).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.hashing import HashArray, mixed
from circuitgcl.parasitics.matching.device_graph import DeviceGraph
from circuitgcl.parasitics.matching.hashing import sums_by_key
from circuitgcl.parasitics.records import IntArray

_WARM_UP_ROUNDS = 2  # in which every class speaks: a device's neighbours, and theirs
_MOST_TRIES = 16  # partners tried for one net of a symmetric class
_SIZE_DIGITS = 100.0  # classes per decade of width or length when sizes break a symmetry

BoolArray = NDArray[np.bool_]
Nodes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """What refinement found; a net or device without partner has -1."""

    net_partner: IntArray  # [nets of the first circuit] net of the second
    net_is_symmetric: BoolArray  # [nets of the first circuit] partner chosen among equals
    device_partner: IntArray  # [devices of the first circuit] device of the second
    classes_unbalanced: int  # classes with unequally many members: where the circuits differ


def align(one: DeviceGraph, other: DeviceGraph, seeds: tuple[IntArray, IntArray]) -> Alignment:
    """Match the nets of two circuits by topology.

    Args:
        one: the layout, say; parallel devices folded.
        other: the schematic, say; parallel devices folded.
        seeds: nets of each that are known to be the same, [S] and [S].

    Returns:
        Partners of nets and devices; seeds keep theirs. The same input always gives the same answer.
    """
    graph = _Graph(one, other)
    partition = _Partition(graph, graph.initial_classes(seeds))
    partition.refine(partition.balanced_nodes())
    partition.refine(partition.split(*_size_classes(graph, one, other), only_balanced=True))
    symmetric = partition.is_open()
    _break_symmetries(partition)
    return _alignment(partition, graph, symmetric)


class _Graph:
    """Both circuits as one graph: nets of one, nets of the other, devices of one, devices of the other."""

    def __init__(self, one: DeviceGraph, other: DeviceGraph) -> None:
        self.starts = np.cumsum([0, one.net_count, other.net_count, one.device_count, other.device_count])
        self.size = int(self.starts[-1])
        self.is_net = np.arange(self.size) < self.starts[2]
        self.is_other = np.repeat([False, True, False, True], np.diff(self.starts))
        net = np.concatenate([one.pin_net, other.pin_net + self.starts[1]]).astype(np.int64)
        device = np.concatenate([one.pin_device + self.starts[2], other.pin_device + self.starts[3]])
        role = np.concatenate([one.pin_role, other.pin_role]).astype(np.uint64)
        source = np.concatenate([net, device])
        order = np.argsort(source, kind="stable")
        self.target: Nodes = np.concatenate([device, net])[order]
        self.role: HashArray = mixed(np.concatenate([role, role]))[order]
        self.offset: Nodes = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=self.size))])
        self.kind = np.concatenate([one.kind, other.kind]).astype(np.uint64)

    def initial_classes(self, seeds: tuple[IntArray, IntArray]) -> IntArray:
        """Class of every node from its surroundings in a few rounds of plain colour refinement."""
        colour = mixed(np.ones(self.size, np.uint64))
        colour[self.starts[2] :] = mixed(self.kind)
        marks = mixed(np.arange(len(seeds[0]), dtype=np.uint64) + np.uint64(1 << 32))
        seeded = np.concatenate([seeds[0], seeds[1] + self.starts[1]])
        colour[seeded] = np.tile(marks, 2)
        for _ in range(_WARM_UP_ROUNDS):
            spoken = mixed(self.role + colour[self.source()])
            heard = np.zeros(self.size, np.uint64)
            touched, sums = sums_by_key(self.target, spoken)
            heard[touched] = sums
            colour = mixed(mixed(colour) + heard)
            colour[seeded] = np.tile(marks, 2)  # known to be the same, whatever is on them
        return np.unique(colour, return_inverse=True)[1].astype(np.int32)

    def source(self) -> Nodes:
        """Node every edge begins at, [2 P]."""
        return np.repeat(np.arange(self.size), np.diff(self.offset))

    def edges_of(self, nodes: Nodes) -> tuple[Nodes, Nodes]:
        """Edges that begin at some nodes, and the position in `nodes` of the node each begins at."""
        counts = self.offset[nodes + 1] - self.offset[nodes]
        first = np.cumsum(counts) - counts
        owner = np.repeat(np.arange(len(nodes)), counts)
        return np.arange(len(owner)) - first[owner] + self.offset[nodes][owner], owner


class _Partition:
    """Classes of all nodes, and how many of each class belong to either circuit."""

    def __init__(self, graph: _Graph, classes: IntArray) -> None:
        self.graph = graph
        self.of: IntArray = classes
        self.used = int(classes.max(initial=-1)) + 1
        self.count = np.zeros((self.used + 2 * graph.size + 1, 2), np.int64)  # of one, of the other
        np.add.at(self.count, (classes, graph.is_other.astype(np.int64)), 1)
        self.journal: list[tuple[Nodes, IntArray]] | None = None  # nodes and their old classes, while trying
        self.is_spoilt = False  # a trial has unbalanced a class

    def balanced_nodes(self) -> Nodes:
        """Nodes of classes with equally many members on both sides."""
        count = self.count[self.of]
        return np.flatnonzero(count[:, 0] == count[:, 1])

    def is_open(self) -> BoolArray:
        """Whether a node's class is balanced and has several members on each side, [nodes]."""
        count = self.count[self.of]
        both: BoolArray = (count[:, 0] == count[:, 1]) & (count[:, 0] > 1)
        return both

    def refine(self, changed: Nodes) -> None:
        """Split classes until nothing changes; `changed` are the nodes whose class is news."""
        graph = self.graph
        while len(changed) and not self.is_spoilt:
            edge, owner = graph.edges_of(changed)
            target = graph.target[edge]
            count = self.count[self.of[target]]
            splits = (count > 0).all(axis=1) & (count.sum(axis=1) > 2)
            edge, owner, target = edge[splits], owner[splits], target[splits]
            classes = self.of[changed].astype(np.uint64)
            touched, heard = sums_by_key(target, mixed(graph.role[edge] + mixed(classes)[owner]))
            changed = self.split(touched, heard)

    def split(self, nodes: Nodes, signature: HashArray, *, only_balanced: bool = False) -> Nodes:
        """Give nodes of one class but different signatures different classes.

        Nodes that are not listed keep their class, as if they had a signature of their own.

        Args:
            nodes: distinct nodes.
            signature: of each.
            only_balanced: leave a class whole if a part of it would be unbalanced.

        Returns:
            Nodes with a new class that is balanced.
        """
        if not len(nodes):
            return nodes
        order = np.lexsort((signature, self.of[nodes]))
        nodes, old, signature = nodes[order], self.of[nodes[order]], signature[order]
        is_first = np.concatenate([[True], (old[1:] != old[:-1]) | (signature[1:] != signature[:-1])])
        group = np.cumsum(is_first) - 1
        first = np.flatnonzero(is_first)
        side = self.graph.is_other[nodes]
        size = np.stack([np.bincount(group, weights=~side), np.bincount(group, weights=side)], axis=1)
        size = size.astype(np.int64)
        group_class = old[first]
        is_new_class = np.concatenate([[True], group_class[1:] != group_class[:-1]])
        block = np.cumsum(is_new_class) - 1  # groups of one old class
        block_class = group_class[is_new_class]
        listed = np.stack([np.bincount(block, weights=size[:, i]) for i in (0, 1)], axis=1).astype(np.int64)
        rest = self.count[block_class] - listed
        is_balanced = size[:, 0] == size[:, 1]
        was_balanced = self.count[block_class, 0] == self.count[block_class, 1]
        has_rest = rest.any(axis=1)
        breaks = np.bincount(block, weights=~is_balanced) > 0
        if self.journal is not None and (was_balanced & breaks).any():
            self.is_spoilt = True
            return nodes[:0]
        renamed = np.ones(len(first), bool)
        keeper = _keepers(block, size.sum(axis=1), is_balanced, breaks)
        renamed[keeper[~has_rest]] = False
        if only_balanced:
            renamed &= ~breaks[block]
        return self._rename(nodes, group, renamed, size, group_class, is_balanced)

    def _rename(
        self,
        nodes: Nodes,
        group: Nodes,
        renamed: BoolArray,
        size: NDArray[np.int64],
        group_class: IntArray,
        is_balanced: BoolArray,
    ) -> Nodes:
        count = int(renamed.sum())
        if self.used + count > len(self.count):
            self.count = np.concatenate([self.count, np.zeros_like(self.count)])
        fresh = np.full(len(renamed), -1, np.int64)
        fresh[renamed] = self.used + np.arange(count)
        moved = renamed[group]
        if self.journal is not None:
            self.journal.append((nodes[moved], self.of[nodes[moved]]))
        self.of[nodes[moved]] = fresh[group[moved]]
        self.count[fresh[renamed]] = size[renamed]
        np.subtract.at(self.count, group_class[renamed], size[renamed])
        self.used += count
        speaking: Nodes = nodes[moved & is_balanced[group]]
        return speaking

    def try_equal(self, one: int, other: int) -> bool:
        """Make two nets a class of their own and refine; undo it all if that unbalances a class."""
        self.journal, used = [], self.used
        pair = np.array([one, other], np.int64)
        self.refine(self.split(pair, np.zeros(2, np.uint64)))
        journal, self.journal = self.journal, None
        if not self.is_spoilt:
            return True
        self.is_spoilt = False
        for nodes, classes in reversed(journal):
            sides = self.graph.is_other[nodes].astype(np.int64)
            np.subtract.at(self.count, (self.of[nodes], sides), 1)
            np.add.at(self.count, (classes, sides), 1)
            self.of[nodes] = classes
        self.used = used
        return False


def _keepers(block: Nodes, size: NDArray[np.int64], is_balanced: BoolArray, breaks: BoolArray) -> Nodes:
    """The group of each block that keeps the old class: the largest, of the unbalanced ones if there are."""
    weight = np.where(breaks[block] & is_balanced, -1, size)
    order = np.lexsort((weight, block))
    last = np.flatnonzero(np.concatenate([block[1:] != block[:-1], [True]]))
    return order[last]


def _size_classes(graph: _Graph, one: DeviceGraph, other: DeviceGraph) -> tuple[Nodes, HashArray]:
    """Devices of both circuits by width and length, where both tell them."""
    width = np.concatenate([one.width_m, other.width_m])
    length = np.concatenate([one.length_m, other.length_m])
    signature = np.zeros(len(width), np.uint64)
    for values in (width, length):
        known = values > 0
        rounded = np.zeros(len(values), np.int64)
        rounded[known] = np.round(np.log10(values[known]) * _SIZE_DIGITS).astype(np.int64) + (1 << 20)
        signature = mixed(signature + rounded.astype(np.uint64))
    return np.arange(graph.starts[2], graph.size), signature


def _break_symmetries(partition: _Partition) -> None:
    """Match the nets of symmetric classes one by one, the smallest classes first."""
    stuck: set[int] = set()
    while True:
        groups = [group for group in _open_nets(partition) if int(group[0][0]) not in stuck]
        if not groups:
            return
        for one, other in groups:
            for net in one.tolist():
                if not _match_one(partition, net, other):
                    stuck.add(net)
                    stuck.add(int(one[0]))
                    break


def _match_one(partition: _Partition, net: int, others: Nodes) -> bool:
    """Find a partner for one net among nets that were in its class; true if it has one already."""
    own = partition.of[net]
    if tuple(partition.count[own]) == (1, 1):
        return True
    rivals = others[partition.of[others] == own][:_MOST_TRIES]
    return any(partition.try_equal(net, other) for other in rivals.tolist())


def _open_nets(partition: _Partition) -> Iterator[tuple[Nodes, Nodes]]:
    """Nets of each symmetric class, of either circuit, ascending; small classes first."""
    graph = partition.graph
    nets = np.flatnonzero(partition.is_open() & graph.is_net)
    order = np.lexsort((nets, graph.is_other[nets], partition.of[nets]))
    nets = nets[order]
    cuts = np.flatnonzero(np.diff(partition.of[nets])) + 1
    groups = sorted(np.split(nets, cuts), key=lambda group: (len(group), group[:1].tolist()))
    for group in groups:
        if len(group):
            yield group[: len(group) // 2], group[len(group) // 2 :]


def _alignment(partition: _Partition, graph: _Graph, symmetric: BoolArray) -> Alignment:
    """Partners: nodes alone in their class on both sides, as far as the devices on them agree."""
    alone = (partition.count[partition.of] == 1).all(axis=1)
    member = np.full(len(partition.count), -1, np.int64)
    theirs = np.flatnonzero(alone & graph.is_other)
    member[partition.of[theirs]] = theirs
    ours = np.flatnonzero(alone & ~graph.is_other)
    partner = np.full(graph.size, -1, np.int64)
    partner[ours] = member[partition.of[ours]]
    _drop_disagreeing(partner, graph)
    nets, _, devices, _ = np.split(partner, graph.starts[1:-1])
    used = partition.count[: partition.used]
    return Alignment(
        net_partner=np.where(nets >= 0, nets - graph.starts[1], -1).astype(np.int32),
        net_is_symmetric=symmetric[: len(nets)],
        device_partner=np.where(devices >= 0, devices - graph.starts[3], -1).astype(np.int32),
        classes_unbalanced=int((used[:, 0] != used[:, 1]).sum()),
    )


def _drop_disagreeing(partner: Nodes, graph: _Graph) -> None:
    """Part devices whose nets are not partners, then nets without a device that agrees."""
    ours = np.flatnonzero(~graph.is_net & (partner >= 0))
    name = np.arange(graph.size)  # a net of the first circuit is called as its partner in the second
    known = graph.is_net & (partner >= 0)
    name[known] = partner[known]
    spoken = mixed(graph.role + mixed(name[graph.target].astype(np.uint64)))
    heard = np.zeros(graph.size, np.uint64)
    touched, sums = sums_by_key(graph.source(), spoken)
    heard[touched] = sums
    disagrees = ours[heard[ours] != heard[partner[ours]]]
    partner[disagrees] = -1
    agrees = np.zeros(graph.size, bool)
    agrees[graph.target[partner[graph.source()] >= 0]] = True
    partner[known & ~agrees] = -1
