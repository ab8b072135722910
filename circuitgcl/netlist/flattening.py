"""Hierarchical netlist to flat circuit, by index mapping.

Passes, in order: choose the top, elaborate each definition once per set of parameter values, count before
building, then compose: a definition's flat arrays are built once and copied into its parents with shifted indices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.device_typing import primitive_type_from_name
from circuitgcl.netlist.expressions import ExpressionError, Scope
from circuitgcl.netlist.records import (
    Definition,
    DeviceCard,
    DeviceTable,
    FlatCircuit,
    InstanceCard,
    IntArray,
    Netlist,
    Subcircuit,
)
from circuitgcl.schema import DeviceType

MAX_DEPTH = 200
MAX_DEVICES = 100_000_000
IMPLAUSIBLE_LENGTH_M = 1e-3  # no MOSFET is drawn a millimetre long: such numbers are in micrometres


def flatten(netlist: Netlist, top: str | None = None) -> FlatCircuit:
    """Flatten a netlist below its top cell.

    Args:
        netlist: the hierarchy as read.
        top: name of the top subcircuit; chosen by `choose_top` when absent.

    Raises:
        NetlistError: unknown top, undefined or recursive subcircuit, wrong number of ports, a parameter that
            cannot be evaluated, or more than `MAX_DEVICES` devices.
    """
    chosen, warnings = choose_top(netlist, top)
    elaboration = _Elaboration(netlist)
    root = elaboration.definition(chosen, {}, 1.0, ())
    device_count = elaboration.device_counts[root]
    if device_count > MAX_DEVICES:
        raise NetlistError(
            f"{chosen.name} expands to {device_count:,} devices; at most {MAX_DEVICES:,} are handled. "
            "Choose a smaller --top?",
            location=chosen.location,
        )
    if device_count == 0:
        raise NetlistError(f"{chosen.name} contains no device", location=chosen.location)
    definitions = tuple(elaboration.definitions)
    block = _compose(definitions, root)
    table = elaboration.table()
    pins_per_device = table.pins[block.device_card]
    return FlatCircuit(
        name=chosen.name,
        path=netlist.path,
        table=table,
        definitions=definitions,
        device_card=block.device_card,
        device_instance=block.device_instance,
        pin_offset=np.concatenate([[0], np.cumsum(pins_per_device, dtype=np.int64)]),
        pin_net=block.pin_net,
        net_instance=block.net_instance,
        net_local=block.net_local,
        instance_definition=block.instance_definition,
        instance_parent=block.instance_parent,
        instance_child=block.instance_child,
        terminal_offset=np.concatenate([[0], np.cumsum(block.terminal_count, dtype=np.int64)]),
        terminal_net=block.terminal_net,
        global_nets=netlist.global_nets,
        skipped_cards=netlist.skipped_cards,
        warnings=(*netlist.warnings, *warnings, *elaboration.warnings()),
    )


def choose_top(netlist: Netlist, top: str | None = None) -> tuple[Subcircuit, list[str]]:
    """The subcircuit to flatten, and what the user should know about the choice.

    Without a name: the file's own top level if it has elements, else the definition nobody instantiates; among
    several of these the one named like the file, else the one with the most cards below it.

    Raises:
        NetlistError: the named top does not exist, or there is nothing to choose from.
    """
    if top is not None:
        found = netlist.find(top)
        if found is None:
            names = ", ".join(sorted(d.name for d in netlist.subcircuits.values())[:8]) or "none"
            raise NetlistError(
                f"there is no subcircuit {top!r}; the file defines: {names}", location=netlist.main.location
            )
        return found, []
    if not netlist.main.is_empty:
        return netlist.main, []
    used = {
        id(found)
        for definition in netlist.subcircuits.values()
        for card in definition.instances
        if (found := netlist.find(card.subcircuit, _inner_scope(definition))) is not None
    }
    roots = [d for d in netlist.subcircuits.values() if id(d) not in used and not d.scope]
    if not roots:
        candidates = [d for d in netlist.subcircuits.values() if not d.scope]
        if not candidates:
            raise NetlistError("the file defines no circuit", location=netlist.main.location)
        roots = candidates
    if len(roots) == 1:
        return roots[0], []
    named = [root for root in roots if root.name.casefold() == netlist.name.casefold()]
    chosen = named[0] if named else max(roots, key=lambda root: _cards_below(netlist, root))
    others = ", ".join(root.name for root in roots if root is not chosen)
    return chosen, [f"{netlist.path}: top cell {chosen.name} chosen; also never instantiated: {others}"]


def _inner_scope(definition: Subcircuit) -> tuple[str, ...]:
    return (*definition.scope, definition.name.casefold())


def _cards_below(netlist: Netlist, root: Subcircuit) -> int:
    """Number of distinct cards reachable from a definition."""
    seen: set[int] = set()
    total, pending = 0, [root]
    while pending:
        definition = pending.pop()
        if id(definition) in seen:
            continue
        seen.add(id(definition))
        total += len(definition.devices) + len(definition.instances)
        for card in definition.instances:
            found = netlist.find(card.subcircuit, _inner_scope(definition))
            if found is not None:
                pending.append(found)
    return total


@dataclass(slots=True)
class _Block:
    """Flat arrays of one definition, indices local to it; terminal nets below `own nets` are its own."""

    device_card: IntArray
    device_instance: IntArray
    pin_net: IntArray
    net_instance: IntArray
    net_local: IntArray
    instance_definition: IntArray
    instance_parent: IntArray
    instance_child: IntArray
    terminal_count: IntArray
    terminal_net: IntArray


def _compose(definitions: tuple[Definition, ...], root: int) -> _Block:
    """Flat arrays of the root; children come before parents in `definitions`, so one sweep suffices.

    A block is dropped once its last parent has been built, so that memory follows the result.
    """
    last_use = {child: index for index, d in enumerate(definitions) for child in d.child_definition.tolist()}
    blocks: dict[int, _Block] = {}
    for index, definition in enumerate(definitions[: root + 1]):
        blocks[index] = _composed(index, definition, blocks)
        for child in set(definition.child_definition.tolist()):
            if last_use[child] == index:
                del blocks[child]
    return blocks[root]


def _composed(index: int, definition: Definition, blocks: Mapping[int, _Block]) -> _Block:
    own = definition.net_count
    zero, one = np.zeros(1, np.int32), np.ones(1, np.int32)
    parts: dict[str, list[IntArray]] = {
        "device_card": [definition.device_card],
        "device_instance": [np.zeros(len(definition.device_card), np.int32)],
        "pin_net": [definition.pin_net],
        "net_instance": [np.zeros(own, np.int32)],
        "net_local": [np.arange(own, dtype=np.int32)],
        "instance_definition": [zero + np.int32(index)],
        "instance_parent": [zero - one],
        "instance_child": [zero - one],
        "terminal_count": [zero + np.int32(own)],
        "terminal_net": [np.arange(own, dtype=np.int32)],
    }
    nets, instances = own, 1
    for position, child in enumerate(definition.child_definition.tolist()):
        block = blocks[child]
        start, stop = definition.child_net_offset[position : position + 2]
        connected = definition.child_net[start:stop]
        boundary = len(connected)
        inner = len(block.net_instance) - boundary
        net_map = np.concatenate([connected, np.arange(nets, nets + inner, dtype=np.int32)])
        parents = block.instance_parent + np.int32(instances)
        parents[0] = 0
        children = block.instance_child.copy()
        children[0] = position
        parts["device_card"].append(block.device_card)
        parts["device_instance"].append(block.device_instance + np.int32(instances))
        parts["pin_net"].append(net_map[block.pin_net])
        parts["net_instance"].append(block.net_instance[boundary:] + np.int32(instances))
        parts["net_local"].append(block.net_local[boundary:])
        parts["instance_definition"].append(block.instance_definition)
        parts["instance_parent"].append(parents)
        parts["instance_child"].append(children)
        parts["terminal_count"].append(block.terminal_count)
        parts["terminal_net"].append(net_map[block.terminal_net])
        nets += inner
        instances += len(block.instance_parent)
    return _Block(**{name: np.concatenate(arrays) for name, arrays in parts.items()})


@dataclass(slots=True)
class _CardRow:
    """One evaluated device card on its way into the DeviceTable."""

    name: str
    device_type: DeviceType
    model: str
    pins: int
    numbers: tuple[float, ...]  # in the order of _NUMBER_COLUMNS


_NUMBER_COLUMNS = (
    "width_m",
    "length_m",
    "fingers",
    "multiplier",
    "area_m2",
    "perimeter_m",
    "value",
)

DefinitionKey = tuple[int, tuple[tuple[str, float], ...], float]


@dataclass(slots=True)
class _Elaboration:
    """Definitions under parameter values, children first."""

    netlist: Netlist
    definitions: list[Definition] = field(default_factory=list)
    device_counts: list[int] = field(default_factory=list)
    instance_counts: list[int] = field(default_factory=list)
    rows: list[_CardRow] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    known: dict[DefinitionKey, int] = field(default_factory=dict)
    global_scope: Scope | None = None
    globals_below: list[tuple[str, ...]] = field(default_factory=list)
    micro_scaled: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        found = list(self.notes)
        if self.micro_scaled:
            found.append(
                f"{self.netlist.path}: {self.micro_scaled} device cards give W and L in micrometres without a suffix; "
                "scaled by 1e-6"
            )
        return found

    def definition(
        self, subcircuit: Subcircuit, overrides: Mapping[str, float], multiplier: float, path: tuple[str, ...]
    ) -> int:
        """Index of the elaborated definition, built with everything below it on first use."""
        if self.global_scope is None:
            main = self.netlist.main
            self.global_scope = Scope(main.parameters, functions=main.functions)
        scope, values = self.scope_of(subcircuit, overrides, path)
        key = (id(subcircuit), tuple(sorted(values.items())), multiplier)
        if key in self.known:
            index = self.known[key]
            if index < 0:
                raise NetlistError(
                    f"subcircuit {subcircuit.name} contains itself",
                    location=subcircuit.location,
                    instance_path="/".join(path),
                )
            return index
        if len(path) > MAX_DEPTH:
            raise NetlistError(
                f"subcircuits are nested deeper than {MAX_DEPTH} levels; does {subcircuit.name} contain itself?",
                location=subcircuit.location,
            )
        self.known[key] = -1
        self.build(subcircuit, scope, multiplier, path)
        self.known[key] = len(self.definitions) - 1
        return self.known[key]

    def scope_of(
        self, subcircuit: Subcircuit, overrides: Mapping[str, float], path: tuple[str, ...]
    ) -> tuple[Scope, dict[str, float]]:
        """Parameter scope of a definition, and the header values that make it distinct."""
        if subcircuit is self.netlist.main:
            assert self.global_scope is not None
            return self.global_scope, {}
        enclosing = self.global_scope
        header = Scope(subcircuit.defaults, dict(overrides), subcircuit.functions, enclosing)
        values = dict(overrides)
        for name in subcircuit.defaults:
            try:
                values[name] = header.lookup(name)
            except ExpressionError as error:
                raise NetlistError(
                    f"parameter {name} of subcircuit {subcircuit.name}: {error}",
                    location=subcircuit.location,
                    instance_path="/".join(path),
                ) from error
        return Scope(subcircuit.parameters, values, subcircuit.functions, enclosing), values

    def build(self, subcircuit: Subcircuit, scope: Scope, multiplier: float, path: tuple[str, ...]) -> None:
        nets = _LocalNets(subcircuit.ports)
        instances: list[tuple[InstanceCard, int]] = []
        device_cards = list(subcircuit.devices)
        for card in subcircuit.instances:
            target = self.netlist.find(card.subcircuit, _inner_scope(subcircuit))
            if target is None:
                device_cards.append(self.primitive(card, subcircuit, path))
            else:
                instances.append((card, self.child(card, target, scope, multiplier, (*path, card.name))))
        used_globals = self.globals_of(subcircuit, device_cards, instances)
        for name in used_globals:
            nets.add(name)
        rows = [self.row(card, subcircuit, scope, multiplier, path) for card in device_cards]
        pins = [nets.add(node) for card in device_cards for node in card.nodes]
        child_net: list[int] = []
        child_net_offset = [0]
        child_instance = []
        count = 1
        for card, child in instances:
            child_net += [nets.add(node) for node in card.nodes]
            child_net += [nets.add(name) for name in self.globals_below[child]]
            child_net_offset.append(len(child_net))
            child_instance.append(count)
            count += self.instance_counts[child]
        pin_counts = [len(card.nodes) for card in device_cards]
        self.definitions.append(
            Definition(
                name=subcircuit.name,
                net_labels=tuple(nets.labels),
                port_count=len(subcircuit.ports),
                global_count=len(used_globals),
                device_card=np.array(rows, np.int32),
                pin_offset=np.concatenate([[0], np.cumsum(np.array(pin_counts, np.int64))]).astype(np.int64),
                pin_net=np.array(pins, np.int32),
                child_definition=np.array([child for _, child in instances], np.int32),
                child_names=tuple(card.name for card, _ in instances),
                child_instance=np.array(child_instance, np.int64),
                child_net_offset=np.array(child_net_offset, np.int64),
                child_net=np.array(child_net, np.int32),
                location=subcircuit.location,
            )
        )
        self.globals_below.append(tuple(used_globals))
        self.instance_counts.append(count)
        self.device_counts.append(len(rows) + sum(self.device_counts[child] for _, child in instances))

    def child(
        self, card: InstanceCard, target: Subcircuit, scope: Scope, multiplier: float, path: tuple[str, ...]
    ) -> int:
        """Elaborated definition of one instance."""
        if len(card.nodes) != len(target.ports):
            raise NetlistError(
                f"{card.name} connects {len(card.nodes)} nodes; subcircuit {target.name} of {target.location} "
                f"has {len(target.ports)} ports",
                location=card.location,
                instance_path="/".join(path[:-1]),
            )
        values: dict[str, float] = {}
        for name, expression in card.parameters.items():
            values[name] = self.number(expression, scope, card, path[:-1])
        if "m" in values and "m" not in target.defaults:
            multiplier *= values.pop("m")
        # a parameter the definition never mentions cannot change it: leave it out, so that copies stay shared
        known = target.defaults.keys()
        return self.definition(target, {n: v for n, v in values.items() if n in known}, multiplier, path)

    def primitive(self, card: InstanceCard, inside: Subcircuit, path: tuple[str, ...]) -> DeviceCard:
        """An instance of an undefined subcircuit that is a process-kit device."""
        device_type = primitive_type_from_name(card.subcircuit, len(card.nodes))
        if device_type is None:
            raise NetlistError(
                f"{card.name} instantiates subcircuit {card.subcircuit!r}, which is not defined. "
                "Is an .include missing?",
                location=card.location,
                instance_path="/".join(path),
            )
        return DeviceCard(
            name=card.name,
            device_type=device_type,
            nodes=card.nodes,
            model=card.subcircuit,
            parameters=card.parameters,
            location=card.location,
        )

    def globals_of(
        self, subcircuit: Subcircuit, devices: list[DeviceCard], instances: list[tuple[InstanceCard, int]]
    ) -> list[str]:
        """Global nets a body needs, itself or below, that are not among its ports."""
        declared = {name.casefold(): name for name in ("0", *self.netlist.global_nets)}
        ports = {port.casefold() for port in subcircuit.ports}
        needed: dict[str, None] = {}
        for card in (*devices, *(card for card, _ in instances)):
            for node in card.nodes:
                folded = node.casefold()
                if folded in declared and folded not in ports:
                    needed[declared[folded]] = None
        for child in {child for _, child in instances}:
            for name in self.globals_below[child]:
                if name.casefold() not in ports:
                    needed[name] = None
        return sorted(needed)

    def number(self, expression: str, scope: Scope, card: DeviceCard | InstanceCard, path: tuple[str, ...]) -> float:
        try:
            return scope.evaluate(expression)
        except ExpressionError as error:
            raise NetlistError(
                f"{card.name}: {error}", location=card.location, instance_path="/".join(path)
            ) from error

    def row(
        self, card: DeviceCard, inside: Subcircuit, scope: Scope, multiplier: float, path: tuple[str, ...]
    ) -> int:
        """Index of the DeviceTable row of one evaluated card."""
        device_type = inside.models.get(card.model.casefold()) or self.netlist.main.models.get(card.model.casefold())
        device_type = card.device_type if device_type is None else device_type

        def parameter(*names: str) -> float:
            for name in names:
                if name in card.parameters:
                    return self.number(card.parameters[name], scope, card, path)
            return math.nan

        width, length = parameter("w", "width"), parameter("l", "length")
        scale = self.netlist.scale
        if scale == 1.0 and device_type.is_mos and length >= IMPLAUSIBLE_LENGTH_M:
            scale = 1e-6
            self.micro_scaled += 1
        copies = parameter("m", "mult")
        fingers = parameter("nf", "nfin")
        drain_source = [x for x in (parameter("ad"), parameter("as")) if not math.isnan(x)]
        around = [x for x in (parameter("pd"), parameter("ps")) if not math.isnan(x)]
        area = sum(drain_source) if drain_source else parameter("area")
        perimeter = sum(around) if around else parameter("pj", "perim", "perimeter")
        value = math.nan
        if device_type in _VALUE_NAMES:
            names = _VALUE_NAMES[device_type]
            value = parameter(*names)
        numbers = (
            width * scale,
            length * scale,
            1.0 if math.isnan(fingers) else max(fingers, 1.0),
            multiplier * (1.0 if math.isnan(copies) else copies),
            area * scale * scale,
            perimeter * scale,
            value,
        )
        self.models.setdefault(card.model, len(self.models))
        self.rows.append(_CardRow(card.name, device_type, card.model, len(card.nodes), numbers))
        return len(self.rows) - 1

    def table(self) -> DeviceTable:
        columns = np.array([row.numbers for row in self.rows], np.float64).reshape(-1, len(_NUMBER_COLUMNS)).T
        return DeviceTable(
            device_type=np.array([row.device_type for row in self.rows], np.int8),
            model=np.array([self.models[row.model] for row in self.rows], np.int32),
            model_names=tuple(self.models),
            name=tuple(row.name for row in self.rows),
            pins=np.array([row.pins for row in self.rows], np.int32),
            **dict(zip(_NUMBER_COLUMNS, columns, strict=True)),
        )


_VALUE_NAMES = {
    DeviceType.RESISTOR: ("r", "res", "value"),
    DeviceType.CAPACITOR: ("c", "cap", "value"),
    DeviceType.INDUCTOR: ("l", "ind", "value"),
}


class _LocalNets:
    """Local net numbers of a body, in order of first appearance; names compare without case."""

    def __init__(self, ports: tuple[str, ...]) -> None:
        self.labels: list[str] = []
        self._index: dict[str, int] = {}
        for port in ports:
            self.add(port)

    def add(self, name: str) -> int:
        key = name.casefold()
        if key not in self._index:
            self._index[key] = len(self.labels)
            self.labels.append(name)
        return self._index[key]


