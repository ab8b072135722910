"""Resistive networks reduced to nets: which pieces of metal are one net, and what it is called.

An extraction with resistance breaks a net into sub-nodes and joins them by resistors. To capacitances a
resistor only says that its two ends are one net. Resistors of the circuit itself look alike where they have
no model, so names decide: extractors call sub-nodes after their net, each in its own way (`net:3`,
`N_net_c_3_n`, …).

- A way of naming is that of the file if it puts the two ends of nine in ten resistors on one net. Then all
  nodes are placed by name. A node whose name tells nothing joins the only net that resistors lead to; where
  they lead to several, it is a net of its own, since then they are devices of the circuit.
- With no such way of naming, resistors that outnumber the devices are taken for parasitic, and nets are what
  they join. Fewer are taken for devices and join nothing, as in a schematic with capacitors added to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circuitgcl.parasitics.records import (
    GROUND,
    FloatArray,
    IntArray,
    Parasitics,
    SkippedCards,
    sum_capacitors,
)
from circuitgcl.parasitics.spice.subnode_names import NAMINGS, Naming

MOS_TERMINALS, BIPOLAR_TERMINALS = "DGSB", "CBES"  # in the order of a card
BETWEEN_NETS = "R between nets, taken for a device"
PORTS_JOINED = "net with several ports, joined by R"

_SAMPLE = 10_000  # resistors looked at to find the way of naming
_SURE = 0.9  # share of them whose ends it must put on one net


@dataclass(frozen=True, kw_only=True, eq=False)
class ResistiveNetwork:
    """What an extraction says before nets are formed; N nodes, K capacitors, R resistors, P device pins."""

    names: tuple[str, ...]  # [N] in order of first appearance
    ports: frozenset[str]  # of the top cell
    cap_a: IntArray  # [K] node or GROUND
    cap_b: IntArray  # [K] node or GROUND
    cap_farad: FloatArray  # [K]
    res_a: IntArray  # [R] node or GROUND; resistors without a model
    res_b: IntArray  # [R] node or GROUND
    pin_node: IntArray  # [P] node
    pin_names: tuple[str, ...]  # [P] `device:terminal`
    n_devices: int  # transistors and other devices of the circuit
    line: int  # first line of the cell that holds them

    def to_parasitics(self, design: str, source: str, skipped: Iterable[SkippedCards]) -> Parasitics:
        """Nets, and nodes for those device pins whose sub-node some capacitor names."""
        notes = list(skipped)
        net_names, node_net = self._nets(notes)
        on_net = np.array(net_names, dtype=object)[node_net] if len(node_net) else np.empty(0, object)
        own_name = np.fromiter(map(str.__eq__, self.names, on_net), bool, len(self.names))
        used = np.zeros(len(self.names) + 1, dtype=bool)  # the last one takes GROUND
        used[self.cap_a] = used[self.cap_b] = True
        has_pin = np.zeros(len(self.names), dtype=bool)
        has_pin[self.pin_node] = True
        apart = has_pin & used[:-1] & ~own_name  # pins that stay nodes
        whole = np.ones(len(net_names), dtype=bool)  # nets with a node of their own
        whole[node_net[apart]] = False
        whole[node_net[~apart & (used[:-1] | has_pin)]] = True
        net = np.concatenate([np.flatnonzero(whole), node_net[apart]])
        name = np.concatenate([np.full(int(whole.sum()), -1), np.flatnonzero(apart)])
        order = np.lexsort((name, net))
        net, name = net[order], name[order]
        of_net = np.full(len(net_names), GROUND)
        of_net[net[name < 0]] = np.flatnonzero(name < 0)
        node_of = np.full(len(self.names) + 1, GROUND)
        node_of[:-1] = of_net[node_net]
        node_of[name[name >= 0]] = np.flatnonzero(name >= 0)
        inside = int(
            np.count_nonzero((node_of[self.cap_a] == node_of[self.cap_b]) & (self.cap_a != self.cap_b))
        )
        if inside:
            notes.append(SkippedCards(kind="C within one net", count=inside, first_line=self.line))
        ground, pair_a, pair_b, pair_farad = sum_capacitors(
            len(net), node_of[self.cap_a], node_of[self.cap_b], self.cap_farad
        )
        pin_node = node_of[self.pin_node]
        return Parasitics(
            design=design,
            source=source,
            nodes=tuple(
                net_names[i] if j < 0 else self.names[j]
                for i, j in zip(net.tolist(), name.tolist(), strict=True)
            ),
            ground_farad=ground,
            pair_a=pair_a,
            pair_b=pair_b,
            pair_farad=pair_farad,
            nets=tuple(net_names),
            node_net=net.astype(np.int32),
            pin_offset=np.concatenate([[0], np.cumsum(np.bincount(pin_node, minlength=len(net)))]).astype(
                np.int64
            ),
            pin_names=tuple(self.pin_names[i] for i in np.argsort(pin_node, kind="stable").tolist()),
            skipped_cards=tuple(notes),
        )

    def _nets(self, notes: list[SkippedCards]) -> tuple[list[str], IntArray]:
        """Names of the nets [T] and the net of each node [N]."""
        real = (self.res_a != GROUND) & (self.res_b != GROUND)
        res_a, res_b = self.res_a[real], self.res_b[real]
        stray = int(np.count_nonzero(~real))
        placed = self._placed(res_a, res_b)
        if placed is not None:
            names, net, apart = _by_name(self.names, placed, res_a, res_b)
            stray += apart
        elif len(res_a) > self.n_devices:
            names, net = self._by_resistors(res_a, res_b, notes)
        else:
            names, net = list(self.names), np.arange(len(self.names), dtype=np.int32)
            stray += len(res_a)
        if stray:
            notes.append(SkippedCards(kind=BETWEEN_NETS, count=stray, first_line=self.line))
        return names, net

    def _placed(self, res_a: IntArray, res_b: IntArray) -> list[str] | None:
        """Net of each node by the file's way of naming [N], empty where the name tells nothing."""
        a, b = res_a[:_SAMPLE].tolist(), res_b[:_SAMPLE].tolist()
        sample = [*a, *b]
        devices = self._devices_at_nodes()
        known = frozenset(self.names)

        def net_of(node: int, naming: Naming) -> str:
            name = self.names[node]
            return "" if name in self.ports else naming(name, devices.get(node, ()), known)

        best, most = None, 0
        for naming in NAMINGS:
            net = {i: net_of(i, naming) or self.names[i] for i in sample}
            agreeing = sum(net[i] == net[j] for i, j in zip(a, b, strict=True) if i != j)
            if agreeing > most and agreeing >= _SURE * len(a):
                best, most = naming, agreeing
        if best is None:
            return None
        placed = [net_of(i, best) for i in range(len(self.names))]
        bases = {*placed, *self.ports}
        return [net or (name if name in bases else "") for net, name in zip(placed, self.names, strict=True)]

    def _devices_at_nodes(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for node, pin in zip(self.pin_node.tolist(), self.pin_names, strict=True):
            found.setdefault(node, []).append(pin.rpartition(":")[0])
        return found

    def _by_resistors(
        self, res_a: IntArray, res_b: IntArray, notes: list[SkippedCards]
    ) -> tuple[list[str], IntArray]:
        """Nets are what resistors join, called like a port or else by the simplest name."""
        net = _components(len(self.names), res_a, res_b)
        names = [""] * (int(net.max(initial=-1)) + 1)
        ports: Counter[int] = Counter()
        for name, i in zip(self.names, net.tolist(), strict=True):
            ports[i] += name in self.ports
            if not names[i] or _rank(name, self.ports) < _rank(names[i], self.ports):
                names[i] = name
        several = sum(count > 1 for count in ports.values())
        if several:
            notes.append(SkippedCards(kind=PORTS_JOINED, count=several, first_line=self.line))
        return names, net


def pin_name(device: str, terminals: str, position: int) -> str:
    """Name of a device pin; where its terminals have no letters, they are counted from 1."""
    return f"{device}:{terminals[position] if position < len(terminals) else position + 1}"


def _by_name(
    names: Sequence[str], placed: Sequence[str], res_a: IntArray, res_b: IntArray
) -> tuple[list[str], IntArray, int]:
    """Names of the nets [T], net of each node [N], and the number of resistors between nets.

    Args:
        names: [N] nodes.
        placed: [N] net of each node as its name tells, or empty.
        res_a: [R] node.
        res_b: [R] node.
    """
    ids: dict[str, int] = {}
    known = np.array([ids.setdefault(net, len(ids)) if net else GROUND for net in placed], dtype=np.int64)
    alone = len(ids) + np.arange(len(names))
    net_a, net_b = known[res_a], known[res_b]
    loose = (net_a < 0) & (net_b < 0)
    group = _components(len(names), res_a[loose], res_b[loose])
    lowest, highest = np.full(len(names), len(ids)), np.full(len(names), GROUND)  # nets next to each group
    for node, net in ((res_a, net_b), (res_b, net_a)):
        leads = (known[node] < 0) & (net >= 0)
        np.minimum.at(lowest, group[node[leads]], net[leads])
        np.maximum.at(highest, group[node[leads]], net[leads])
    lowest, highest = lowest[group], highest[group]
    joined = np.where(lowest == highest, lowest, np.where(highest < 0, len(ids) + len(names) + group, alone))
    joined = np.where(known >= 0, known, joined)
    net_of = _numbered(joined)
    net_names = [""] * (int(net_of.max(initial=GROUND)) + 1)
    for name, told, i in zip(names, placed, net_of.tolist(), strict=True):
        if told:
            net_names[i] = told
        elif not net_names[i]:
            net_names[i] = name
    return net_names, net_of, int(np.count_nonzero(net_of[res_a] != net_of[res_b]))


def _components(n: int, a: npt.NDArray[np.integer], b: npt.NDArray[np.integer]) -> IntArray:
    """Component of each of n vertices, counted in order of first appearance."""
    links = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    _, group = connected_components(links, directed=False)
    return _numbered(group)


def _numbered(labels: npt.NDArray[np.integer]) -> IntArray:
    """The same labels counted from 0 in order of first appearance."""
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    numbered: IntArray = rank[which]
    return numbered


def _rank(name: str, ports: frozenset[str]) -> tuple[bool, bool, int, int, str]:
    """Order of the names of one net: a port, a name with letters, high in the hierarchy, short."""
    return name not in ports, name.isdigit(), name.count("/"), len(name), name
