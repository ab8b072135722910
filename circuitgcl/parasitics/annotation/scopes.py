"""In which instance each capacitor stands when every one stands in the scope of its nets.

A capacitor goes into the deepest instance where both its nets have a name. A net that has none there, since
it belongs to an instance below, is brought up by ports that are added to the instances between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.records import Parasitics

GROUND = -1  # for the reference node

_NO_WORD = re.compile(r"\W+", re.ASCII)

_Key = tuple[int, ...]  # positions of the children on the way down to a net, then its local number there


@dataclass(frozen=True, slots=True)
class ScopedCapacitor:
    """A capacitor between two names of one scope."""

    net_a: str
    net_b: str | None  # `None` for the reference node
    farad: float


@dataclass(kw_only=True, eq=False)
class Scope:
    """What is added to one instance."""

    capacitors: list[ScopedCapacitor] = field(default_factory=list)
    ports: dict[int, str] = field(default_factory=dict)  # flat net -> its name here; added to the header
    names: dict[int, str] = field(default_factory=dict)  # flat net brought up from below -> its name here


class Scopes:
    """Scopes of a circuit, filled with capacitors.

    Args:
        circuit: the flat circuit.
        is_multiplied: instances that stand for several parallel ones, [I]; a card in one of them would count
            several times, so none is put there.
    """

    def __init__(self, circuit: FlatCircuit, is_multiplied: NDArray[np.bool_]) -> None:
        self.circuit = circuit
        self.by_instance: dict[int, Scope] = {}
        self._parent: list[int] = circuit.instance_parent.tolist()
        self._child: list[int] = circuit.instance_child.tolist()
        self._owner: list[int] = circuit.net_instance.tolist()
        self._local: list[int] = circuit.net_local.tolist()
        self._depth = _depths(self._parent)
        self._is_closed = _inherited(self._parent, is_multiplied)
        self._visible: dict[int, dict[int, int]] = {}
        self._names: dict[int, _Names] = {}

    def add(self, net_a: int, net_b: int, farad: float) -> None:
        """Place one capacitor between flat nets, of which the second may be `GROUND`."""
        place = self._owner[net_a] if net_b == GROUND else self._place(net_a, net_b)
        while self._is_closed[place]:
            place = self._parent[place]
        name_a = self._name_in(place, net_a)
        name_b = None if net_b == GROUND else self._name_in(place, net_b)
        self._scope(place).capacitors.append(ScopedCapacitor(name_a, name_b, farad))

    def _place(self, net_a: int, net_b: int) -> int:
        """The deepest instance that sees both nets, or else the lowest one above both."""
        owner_a, owner_b = self._owner[net_a], self._owner[net_b]
        common = self._lowest_common(owner_a, owner_b)
        if owner_a == common:
            return self._first_that_sees(net_a, owner_b)
        if owner_b == common:
            return self._first_that_sees(net_b, owner_a)
        return common

    def _lowest_common(self, one: int, other: int) -> int:
        while one != other:
            if self._depth[one] >= self._depth[other]:
                one = self._parent[one]
            else:
                other = self._parent[other]
        return one

    def _first_that_sees(self, net: int, instance: int) -> int:
        """From an instance upwards, the first in which a net has a name; its owner at the latest."""
        while net not in self._nets_of(instance):
            instance = self._parent[instance]
        return instance

    def _nets_of(self, instance: int) -> dict[int, int]:
        """Local number of every flat net that an instance sees."""
        found = self._visible.get(instance)
        if found is None:
            start, stop = self.circuit.terminal_offset[instance : instance + 2].tolist()
            nets = self.circuit.terminal_net[start:stop].tolist()
            found = self._visible[instance] = {net: local for local, net in reversed(list(enumerate(nets)))}
        return found

    def _name_in(self, place: int, net: int) -> str:
        """Name of a net in an instance; ports are added on the way up to it where it has none."""
        local = self._nets_of(place).get(net)
        if local is not None:
            return self._names_of(place).labels[local]
        instance = self._owner[net]
        key: _Key = (self._local[net],)
        name = self._names_of(instance).labels[key[0]]
        while instance != place:
            self._scope(instance).ports[net] = name
            key = (self._child[instance], *key)
            instance = self._parent[instance]
            name = self._names_of(instance).brought_up(key, self.circuit)
            self._scope(instance).names[net] = name
        return name

    def _scope(self, instance: int) -> Scope:
        return self.by_instance.setdefault(instance, Scope())

    def _names_of(self, instance: int) -> _Names:
        number = int(self.circuit.instance_definition[instance])
        found = self._names.get(number)
        if found is None:
            found = self._names[number] = _Names(self.circuit, number)
        return found


class _Names:
    """Names in the body of one definition, those of the nets included that are brought up into it."""

    def __init__(self, circuit: FlatCircuit, number: int) -> None:
        self.definition = circuit.definitions[number]
        self.labels = list(self.definition.net_labels)
        self._taken = {label.casefold() for label in self.labels}
        self._brought_up: dict[_Key, str] = {}

    def brought_up(self, key: _Key, circuit: FlatCircuit) -> str:
        """A name of its own for a net of an instance below."""
        name = self._brought_up.get(key)
        if name is None:
            words, definition = [], self.definition
            for position in key[:-1]:
                words.append(definition.child_names[position])
                definition = circuit.definitions[definition.child_definition[position]]
            words.append(definition.net_labels[key[-1]])
            stem = name = "_".join(_NO_WORD.sub("_", word).strip("_") for word in words) or "net"
            while name.casefold() in self._taken:
                name = f"{stem}_{len(self._brought_up)}"
                stem = name
            self._taken.add(name.casefold())
            self._brought_up[key] = name
        return name


def place_capacitors(
    circuit: FlatCircuit, parasitics: Parasitics, net: Sequence[int], is_multiplied: NDArray[np.bool_]
) -> Mapping[int, Scope]:
    """What is added to which instance.

    Args:
        circuit: the flat circuit.
        parasitics: a net-level record.
        net: [N] flat net of every node of the record.
        is_multiplied: [I] whether an instance stands for several parallel ones.
    """
    scopes = Scopes(circuit, is_multiplied)
    for node, farad in enumerate(parasitics.ground_farad.tolist()):
        if farad:
            scopes.add(net[node], GROUND, farad)
    pairs = zip(
        parasitics.pair_a.tolist(), parasitics.pair_b.tolist(), parasitics.pair_farad.tolist(), strict=True
    )
    for a, b, farad in pairs:
        if farad:
            scopes.add(net[a], net[b], farad)
    return scopes.by_instance


def _depths(parent: Sequence[int]) -> list[int]:
    depth = [0] * len(parent)
    for instance in range(1, len(parent)):
        depth[instance] = depth[parent[instance]] + 1
    return depth


def _inherited(parent: Sequence[int], flags: NDArray[np.bool_]) -> list[bool]:
    """Whether an instance or one above it has a flag; the top has none."""
    found: list[bool] = flags.tolist()
    found[0] = False
    for instance in range(1, len(parent)):
        found[instance] = found[instance] or found[parent[instance]]
    return found
