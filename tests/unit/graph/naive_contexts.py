"""Contexts of a circuit by looking at every pair of nets of every instance, without any shortcut."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import combinations, pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.fingerprints import Fingerprint
from circuitgcl.graph.stable_hashing import hash64
from circuitgcl.netlist import FlatCircuit

SAME, NEIGHBOUR = 0, 1
Occurrences = Counter[tuple[int, int, int, int]]  # lower net, higher net, exact key, structural key
Tied = Counter[tuple[int, int, int]]  # net, exact key, structural key


@cache
def split(name: str) -> tuple[tuple[str, int], tuple[int, ...]]:
    """Family and coordinates."""
    coordinates = tuple(int(run) for run in re.findall("[0-9]+", name) if len(run) < 10)
    return (re.sub("[0-9]+", "#", name.casefold()), len(coordinates)), coordinates


def link(a: str, b: str) -> int:
    """Number of the index relation."""
    (family_a, at_a), (family_b, at_b) = split(a), split(b)
    if not at_a or not at_b:
        return 1 if at_a or at_b else 0
    if family_a == family_b:
        gaps = [abs(x - y) for x, y in zip(at_a, at_b, strict=True) if x != y]
        return 1 + gaps[0] if len(gaps) == 1 and gaps[0] <= 3 else 5
    return {0: 6, 1: 7}.get(abs(at_a[-1] - at_b[-1]), 8)


def naive_occurrences(
    circuit: FlatCircuit, rails: NDArray[np.int8], prints: tuple[Fingerprint, ...]
) -> tuple[Occurrences, Tied]:
    """How often each context lies between each pair of flat nets, and between each net and a rail."""
    naive = _Naive(circuit, rails, prints)
    return naive.found, naive.tied


class _Naive:
    def __init__(
        self, circuit: FlatCircuit, rails: NDArray[np.int8], prints: tuple[Fingerprint, ...]
    ) -> None:
        self.circuit, self.rails, self.prints = circuit, rails, prints
        self.found: Occurrences = Counter()
        self.tied: Tied = Counter()
        self.children: dict[int, list[int]] = {}
        for child, parent in enumerate(circuit.instance_parent.tolist()):
            self.children.setdefault(parent, []).append(child)
        for instance in range(len(circuit.instance_definition)):
            self.inside(instance)
            self.beside(instance)

    def definition(self, instance: int) -> int:
        return int(self.circuit.instance_definition[instance])

    def flat(self, instance: int) -> list[int]:
        start, stop = self.circuit.terminal_offset[instance : instance + 2]
        return self.circuit.terminal_net[start:stop].tolist()

    def signal(self, index: int) -> list[int]:
        """Local nets that are a signal in some instance of the definition."""
        alike = np.flatnonzero(self.circuit.instance_definition == index).tolist()
        here = [self.rails[self.flat(instance)] == 0 for instance in alike]
        return [local for local in range(len(here[0])) if any(row[local] for row in here)]

    def note(self, a: int, b: int, exact: int, structural: int) -> None:
        if a != b and not self.rails[a] and not self.rails[b]:
            self.found[min(a, b), max(a, b), exact, structural] += 1
        for net, other in ((a, b), (b, a)):
            if self.rails[other] and not self.rails[net]:
                self.tied[net, exact, structural] += 1

    def inside(self, instance: int) -> None:
        index = self.definition(instance)
        body, fingerprint = self.circuit.definitions[index], self.prints[index]
        is_leaf = bool(len(body.device_card))
        near = self.near_in_leaf if is_leaf else self.near_in_routing
        is_cell = is_leaf or (len(body.child_names) <= 16 and not self.holds_an_array(index))
        whole = fingerprint.exact if is_cell else 0
        part = fingerprint.net_part.tolist()
        colour = fingerprint.net_exact.tolist() if is_cell else part
        signal, nets = self.signal(index), self.flat(instance)
        for a, b in combinations(signal, 2):
            if near(index, signal, a, b):
                how = link(body.net_labels[a], body.net_labels[b])
                meet = int(self.share_a_child(index, a, b))
                exact = hash64((SAME, whole, *sorted((colour[a], colour[b])), how, meet))
                self.note(nets[a], nets[b], exact, hash64((SAME, *sorted((part[a], part[b])), how, meet)))

    def holds_an_array(self, index: int) -> bool:
        body = self.circuit.definitions[index]
        kinds = [
            (re.sub(r"\d+", "#", name.casefold()), len(re.findall(r"\d+", name)), child)
            for name, child in zip(body.child_names, body.child_definition.tolist(), strict=True)
        ]
        return len(set(kinds)) < len(kinds)

    def share_a_child(self, index: int, a: int, b: int) -> bool:
        body = self.circuit.definitions[index]
        ends = body.child_net_offset.tolist()
        return any({a, b} <= set(body.child_net[i:j].tolist()) for i, j in pairwise(ends))

    def near_in_leaf(self, index: int, signal: list[int], a: int, b: int) -> bool:
        if len(signal) <= 64:
            return True
        around = self.devices_around(index)
        if any(b in nets for nets in around.get(a, [])):
            return True
        for middle in signal:
            near = around.get(middle, [])
            if len(near) <= 16 and any(a in nets for nets in near) and any(b in nets for nets in near):
                return True
        return self.near_in_bus(index, signal, a, b)

    def near_in_bus(self, index: int, signal: list[int], a: int, b: int) -> bool:
        """Members of one family: all of a narrow bus, else those few steps apart."""
        names = self.circuit.definitions[index].net_labels
        family = split(names[a])[0]
        if split(names[b])[0] != family:
            return False
        members = sum(split(names[net])[0] == family for net in signal)
        return members <= 16 or 2 <= link(names[a], names[b]) <= 4

    @cache  # noqa: B019 - one object per test
    def devices_around(self, index: int) -> dict[int, list[set[int]]]:
        """Nets of every device on each local net."""
        body = self.circuit.definitions[index]
        found: dict[int, list[set[int]]] = {}
        for start, stop in pairwise(body.pin_offset.tolist()):
            nets = set(body.pin_net[start:stop].tolist())
            for net in nets:
                found.setdefault(net, []).append(nets)
        return found

    def near_in_routing(self, index: int, signal: list[int], a: int, b: int) -> bool:
        body = self.circuit.definitions[index]
        how = link(body.net_labels[a], body.net_labels[b])
        of = Counter(split(body.net_labels[net])[0] for net in signal)
        family_a, family_b = split(body.net_labels[a])[0], split(body.net_labels[b])[0]
        if family_a == family_b:
            return self.near_in_bus(index, signal, a, b)
        return of[family_a] * of[family_b] <= max(4096, 4 * len(body.child_names)) or how in (6, 7)

    def leaves(self, instance: int) -> list[int]:
        below = [leaf for child in self.children.get(instance, []) for leaf in self.leaves(child)]
        own = len(self.circuit.definitions[self.definition(instance)].device_card) > 0
        return [instance, *below] if own else below

    def beside(self, instance: int) -> None:
        body = self.circuit.definitions[self.definition(instance)]
        children = self.children.get(instance, [])
        for lower, upper in permutations(range(len(children)), 2):
            family, low = split(body.child_names[lower])
            other, high = split(body.child_names[upper])
            places = [k for k in range(len(low)) if family == other and low[k] != high[k]]
            if len(places) != 1 or high[places[0]] != low[places[0]] + 1:
                continue
            direction = (len(low) - 1 - places[0], low[places[0]] % 2)
            below, above = self.leaves(children[lower]), self.leaves(children[upper])
            if len(below) == len(above):
                for one, two in zip(below, above, strict=True):
                    self.face(one, two, *direction)

    def face(self, lower: int, upper: int, coordinate: int, parity: int) -> None:
        nets_a, nets_b = self.flat(lower), self.flat(upper)
        print_a, print_b = self.prints[self.definition(lower)], self.prints[self.definition(upper)]
        signal_a, signal_b = self.signal(self.definition(lower)), self.signal(self.definition(upper))
        if len(signal_a) * len(signal_b) > 64 * 64:
            return
        for a in signal_a:
            for b in signal_b:
                keys = (
                    hash64((print_a.exact, print_a.net_exact[a])),
                    hash64((print_b.exact, print_b.net_exact[b])),
                )
                exact = hash64((NEIGHBOUR, *keys, coordinate, parity))
                structural = hash64((NEIGHBOUR, print_a.net_part[a], print_b.net_part[b], coordinate))
                self.note(nets_a[a], nets_b[b], exact, structural)
