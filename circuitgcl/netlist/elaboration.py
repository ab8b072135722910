"""Subcircuits under parameter values: each body is elaborated once per set of values, children first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.device_typing import terminal_order
from circuitgcl.netlist.expressions import ExpressionError, Scope, constant, mentioned_names
from circuitgcl.netlist.faults import Faults
from circuitgcl.netlist.hierarchy import Device, Hierarchy, undefined
from circuitgcl.netlist.names import NameList
from circuitgcl.netlist.records import (
    GROUND_KEY,
    GROUND_NAMES,
    CardTable,
    Definition,
    IntArray,
    Netlist,
    Subcircuit,
)
from circuitgcl.netlist.sizing import VALUE_NAMES, SizedCards, evaluate_parameter, finite_product
from circuitgcl.schema import DeviceType

MAX_BODIES = 1_000_000

GlobalNet = tuple[str, str]  # (key, label as spelled)
_BodyKey = tuple[int, tuple[tuple[str, float], ...], float]  # definition, parameter values, multiplier


@dataclass(slots=True)
class _Body:
    """A definition under parameter values, while its children are being elaborated."""

    subcircuit: Subcircuit
    scope: Scope
    call: _BodyKey
    key: _BodyKey
    multiplier: float
    path: tuple[str, ...]  # instance names from the top
    targets: dict[int, Device | Subcircuit]  # of the specs whose condition holds
    pending: list[int]  # specs of instances, still to be elaborated, last first
    children: dict[int, int] = field(default_factory=dict)  # spec -> definition, as far as they are done


class Elaboration:
    """Elaborated definitions of one hierarchy; a child comes before its parents, the top last.

    Cards of one spec are alike, so everything is evaluated once per spec and body, then spread over the cards
    with array operations.
    """

    def __init__(self, netlist: Netlist, hierarchy: Hierarchy, faults: Faults) -> None:
        self.netlist, self.hierarchy, self.faults = netlist, hierarchy, faults
        self.definitions: list[Definition] = []
        self.cards = SizedCards(netlist, faults)
        self._global_labels = {netlist.fold(name): name for name in netlist.global_nets}
        self._global_scope = Scope(netlist.main.parameters, functions=netlist.main.functions)
        self._instance_counts: list[int] = []
        self._globals_below: list[tuple[GlobalNet, ...]] = []
        self._by_call: dict[_BodyKey, int] = {}  # values passed by the instance -> definition
        self._by_key: dict[_BodyKey, int] = {}  # all header values -> definition
        self._known_defaults: dict[int, tuple[dict[str, float], list[str]]] = {}
        self._free: dict[int, frozenset[str]] = {}
        self._notes: dict[tuple[int, str], str] = {}

    def warnings(self) -> list[str]:
        """What the user should know about the parameters."""
        return [*self._notes.values(), *self.cards.warnings(), *self.faults.warnings()]

    def run(self) -> None:
        """Elaborate everything below the top.

        Raises:
            NetlistError: a parameter cannot be evaluated, or parameters make more than `MAX_BODIES` variants.
        """
        stack = [self._open(self.hierarchy.top, {}, 1.0, ())]
        while stack:
            body = stack[-1]
            child = self._next_child(body)
            if child is not None:
                stack.append(child)
                continue
            stack.pop()
            if len(self.definitions) >= MAX_BODIES:
                raise NetlistError(
                    f"parameters make more than {MAX_BODIES:,} variants of cells",
                    location=self.hierarchy.top.location,
                )
            self._close(body)

    def _next_child(self, body: _Body) -> _Body | None:
        """The next child that is not known yet; known ones are entered on the way.

        A spec stays pending until its child is known, so an unknown one is asked for again when it is done.
        """
        while body.pending:
            spec = body.pending[-1]
            target = body.targets[spec]
            assert isinstance(target, Subcircuit), "only instances are pending"
            values, multiplier = self._passed(spec, target, body)
            call = (id(target), tuple(sorted(values.items())), multiplier)
            index = self._by_call.get(call)
            if index is None:
                cards = body.subcircuit.cards
                path = (*body.path, cards.names[cards.first_with(spec)])
                child = self._open(target, values, multiplier, path)
                index = self._by_key.get(child.key)
                if index is None:
                    return child
                self._by_call[call] = index
            body.children[spec] = index
            body.pending.pop()
        return None

    def _passed(self, spec: int, target: Subcircuit, body: _Body) -> tuple[dict[str, float], float]:
        """Parameter values an instance passes down, and the multiplier below it."""
        values: dict[str, float] = {}
        multiplier = body.multiplier
        parameters = dict(self.netlist.specs[spec].parameters)
        for name, expression in parameters.items():
            is_multiplier = name == "m" and "m" not in target.defaults
            if not (is_multiplier or name in target.defaults or name in self._free_names(target)):
                # cannot change anything: left out, so that copies stay shared
                if (id(target), name) not in self._notes:
                    cards = body.subcircuit.cards
                    first = cards.first_with(spec)
                    self._notes[id(target), name] = (
                        f"{cards.location(first)}: {cards.names[first]} sets {name}, "
                        f"which subcircuit {target.name} does not use"
                    )
                continue
            try:
                value = evaluate_parameter(expression, body.scope, parameters)
                if is_multiplier:
                    multiplier = finite_product(multiplier, value)
                else:
                    values[name] = value
            except ExpressionError as error:
                self._report(error, spec, body)
                if not is_multiplier:
                    values[name] = nan  # and not its default
        return values | self._inherited(spec, target, body, values), multiplier

    def _inherited(
        self, spec: int, target: Subcircuit, body: _Body, passed: Mapping[str, float]
    ) -> dict[str, float]:
        """Values of the parameters round an instance that a body below uses and does not define.

        In SPICE it sees those of its caller before global ones; in Spectre only where it is defined in it.
        """
        values: dict[str, float] = {}
        if body.subcircuit is self.netlist.main or not self._inherits(target, body.subcircuit):
            return values
        for name in self._free_names(target):
            if name not in passed and name not in target.defaults and body.scope.defines(name):
                try:
                    values[name] = body.scope.lookup(name)
                except ExpressionError as error:
                    self._report(error, spec, body)
                    values[name] = nan
        return values

    def _inherits(self, target: Subcircuit, caller: Subcircuit) -> bool:
        """Whether a body sees the parameters of the body that instantiates it."""
        inside = self.netlist.scope_inside(caller)
        return not self.netlist.case_sensitive or target.scope[: len(inside)] == inside

    def _report(self, error: ExpressionError, spec: int, body: _Body) -> None:
        cards = body.subcircuit.cards
        first = cards.first_with(spec)
        self.faults.report_value(error, cards.names[first], cards.location(first), body.path)

    def _free_names(self, subcircuit: Subcircuit) -> frozenset[str]:
        """Names that a body, or one below that inherits them, uses and does not define itself."""
        known = self._free.get(id(subcircuit))
        if known is None:
            names = self._with_functions(self._mentioned_names(subcircuit), subcircuit)
            for target in self.hierarchy.targets[id(subcircuit)].values():
                if isinstance(target, Subcircuit) and self._inherits(target, subcircuit):
                    names |= self._free_names(target) - target.defaults.keys()
            known = self._free[id(subcircuit)] = frozenset(names - subcircuit.parameters.keys())
        return known

    def _with_functions(self, names: set[str], subcircuit: Subcircuit) -> set[str]:
        """Names, and those that user functions among them mention: they see the scope that calls them."""
        pending = list(names)
        while pending:
            name = pending.pop()
            function = subcircuit.functions.get(name) or self.netlist.main.functions.get(name)
            if function is not None:
                arguments, text = function
                new = mentioned_names(text) - set(arguments) - names
                names |= new
                pending += new
        return names

    def _mentioned_names(self, subcircuit: Subcircuit) -> set[str]:
        """Names in the expressions of a body."""
        texts = [*subcircuit.defaults.values(), *subcircuit.parameters.values()]
        for number in subcircuit.cards.used_specs.tolist():
            spec = self.netlist.specs[number]
            texts += [expression for _, expression in spec.parameters]
            texts += [spec.condition, spec.master if spec.kind in VALUE_NAMES else ""]
        return {name for text in texts for name in mentioned_names(text)}

    def _open(
        self, subcircuit: Subcircuit, passed: Mapping[str, float], multiplier: float, path: tuple[str, ...]
    ) -> _Body:
        scope, values = self._scope(subcircuit, passed, path)
        targets = self._active(subcircuit, scope, path)
        return _Body(
            subcircuit=subcircuit,
            scope=scope,
            call=(id(subcircuit), tuple(sorted(passed.items())), multiplier),
            key=(id(subcircuit), tuple(sorted(values.items())), multiplier),
            multiplier=multiplier,
            path=path,
            targets=targets,
            pending=[spec for spec, target in targets.items() if isinstance(target, Subcircuit)][::-1],
        )

    def _active(
        self, subcircuit: Subcircuit, scope: Scope, path: tuple[str, ...]
    ) -> dict[int, Device | Subcircuit]:
        """What the cards of a body are, those left out whose condition does not hold."""
        holds: dict[str, bool] = {"": True}
        active: dict[int, Device | Subcircuit] = {}
        cards = subcircuit.cards
        for number, target in self.hierarchy.targets[id(subcircuit)].items():
            spec = self.netlist.specs[number]
            if spec.condition not in holds:
                try:
                    holds[spec.condition] = bool(scope.evaluate(spec.condition))
                except ExpressionError as error:
                    fault = f" stands under the condition {spec.condition}: {error}"
                    self.faults.report_card(cards, cards.first_with(number), fault, path)
                    holds[spec.condition] = False
            if not holds[spec.condition]:
                continue
            if target is None:
                self.faults.report_card(cards, cards.first_with(number), undefined(self.netlist, spec), path)
                target = Device(DeviceType.OTHER)
            active[number] = target
        return active

    def _scope(
        self, subcircuit: Subcircuit, passed: Mapping[str, float], path: tuple[str, ...]
    ) -> tuple[Scope, dict[str, float]]:
        """Parameter scope of a body, and the header values that tell it from others."""
        if subcircuit is self.netlist.main:
            return self._global_scope, {}
        fixed, computed = self._defaults(subcircuit)
        values = {**fixed, **passed}
        header = Scope(subcircuit.defaults, values, subcircuit.functions, self._global_scope)
        telling = {name: value for name, value in passed.items() if fixed.get(name) != value}
        for name in computed:
            if name in passed:
                continue
            try:
                telling[name] = values[name] = header.lookup(name)
            except ExpressionError as error:
                what = f"parameter {name} of subcircuit {subcircuit.name}"
                self.faults.report_value(error, what, subcircuit.location, path)
                telling[name] = values[name] = nan
        return Scope(subcircuit.parameters, values, subcircuit.functions, self._global_scope), telling

    def _defaults(self, subcircuit: Subcircuit) -> tuple[dict[str, float], list[str]]:
        """Header parameters that are plain numbers, since there may be hundreds, and names of the others."""
        known = self._known_defaults.get(id(subcircuit))
        if known is None:
            numbers = {name: constant(text) for name, text in subcircuit.defaults.items()}
            fixed = {name: value for name, value in numbers.items() if value is not None}
            known = fixed, [name for name in numbers if name not in fixed]
            self._known_defaults[id(subcircuit)] = known
        return known

    def _close(self, body: _Body) -> None:
        """Number the nets of a body whose children are done, and keep its definition."""
        cards = body.subcircuit.cards
        child_of_card, row_of_card = _by_spec(cards, body.children), _by_spec(cards, self._rows(body))
        devices, children = np.flatnonzero(row_of_card >= 0), np.flatnonzero(child_of_card >= 0)
        child_definition = child_of_card[children]
        nets = self._nets(body, (row_of_card >= 0) | (child_of_card >= 0))
        pin_offset, pin_node = _selected(cards.node_offset, cards.node, devices)
        self._reorder_terminals(body, cards.spec[devices], pin_offset, pin_node)
        sizes = {spec: self._instance_counts[child] for spec, child in body.children.items()}
        instance_counts = _by_spec(cards, sizes)[children].astype(np.int64)
        child_net_offset, child_net = self._child_nets(body, children, nets)
        self.definitions.append(
            Definition(
                name=body.subcircuit.name,
                net_labels=nets.labels,
                port_count=body.subcircuit.port_count,
                port_direction=body.subcircuit.port_direction,
                device_names=cards.names if len(devices) == len(cards) else cards.names.take(devices),
                device_card=row_of_card[devices],
                pin_offset=pin_offset,
                pin_net=nets.of_node[pin_node],
                child_definition=child_definition,
                child_names=cards.names.take(children),
                child_instance=1 + np.cumsum(instance_counts) - instance_counts,
                child_net_offset=child_net_offset,
                child_net=child_net,
                location=body.subcircuit.location,
            )
        )
        self._globals_below.append(tuple(nets.used))
        self._instance_counts.append(1 + int(instance_counts.sum()))
        self._by_call[body.call] = self._by_key[body.key] = len(self.definitions) - 1

    def _reorder_terminals(
        self, body: _Body, specs: IntArray, pin_offset: NDArray[np.int64], pin_node: IntArray
    ) -> None:
        """Put the nodes of process-kit devices into the order of a SPICE card, in place."""
        for number, chosen in grouped(specs):
            target = body.targets[number]
            if not isinstance(target, Device) or target.wrapper is None:
                continue
            order = terminal_order(target.kind, target.wrapper.ports)
            if order is None or len(order) != self.netlist.specs[number].pins:
                continue
            rows = pin_offset[chosen][:, None]
            pin_node[rows + np.arange(len(order))] = pin_node[rows + np.array(order)]

    def _rows(self, body: _Body) -> dict[int, int]:
        """Row of the device table for every spec of a device."""
        return {
            number: self.cards.add(number, target, body.subcircuit, body.scope, body.multiplier, body.path)
            for number, target in body.targets.items()
            if isinstance(target, Device)
        }

    def _nets(self, body: _Body, is_active: NDArray[np.bool_]) -> _Nets:
        """Local net numbers: ports, then global nets by label, then the others by first appearance.

        Names of ports hide global nets of the same name, except that the top binds those it has as ports.
        """
        subcircuit = body.subcircuit
        cards, ports = subcircuit.cards, subcircuit.port_count
        is_used = np.zeros(len(subcircuit.nodes), bool)
        if is_active.all():
            is_used[cards.node] = True
        else:
            is_used[_selected(cards.node_offset, cards.node, np.flatnonzero(is_active))[1]] = True
        keys = {node: key for node, key in subcircuit.global_nodes.items() if is_used[node]}
        bound: dict[str, int] = {}  # globals that are ports of the top
        if subcircuit is self.hierarchy.top:
            for node in dict.fromkeys(subcircuit.port_nodes):
                folded = self.netlist.fold(subcircuit.nodes[node])
                key = GROUND_KEY if folded in GROUND_NAMES else folded
                if key == GROUND_KEY or key in self._global_labels:
                    bound.setdefault(key, node)
        needed: dict[str, str] = {}
        for node, key in sorted(keys.items()):
            label = subcircuit.nodes[node]
            needed.setdefault(key, self._global_labels.get(self.netlist.fold(label), label))
        for child in dict.fromkeys(body.children.values()):
            for key, label in self._globals_below[child]:
                needed.setdefault(key, label)
        used = sorted((item for item in needed.items() if item[0] not in bound), key=lambda item: item[1])
        numbers = bound | {key: ports + position for position, (key, _) in enumerate(used)}
        is_used[:ports] = False
        is_used[list(keys)] = False
        inner = np.flatnonzero(is_used)
        of_node = np.full(len(subcircuit.nodes), -1, np.int32)
        of_node[:ports] = np.arange(ports)
        of_node[inner] = ports + len(used) + np.arange(len(inner))
        for node, key in keys.items():
            of_node[node] = numbers[key]
        labels = NameList.of(label for _, label in used)
        own = subcircuit.nodes
        return _Nets(of_node, own.take(np.arange(ports)) + labels + own.take(inner), used, numbers)

    def _child_nets(
        self, body: _Body, children: NDArray[np.int64], nets: _Nets
    ) -> tuple[NDArray[np.int64], IntArray]:
        """Local nets at the ports of every child, then at its global nets, as offsets and values."""
        cards = body.subcircuit.cards
        counts = np.zeros(len(children), np.int64)
        parts: list[tuple[NDArray[np.int64], IntArray]] = []
        for spec, chosen in grouped(cards.spec[children]):
            child = body.children[spec]
            rows = cards.node_offset[children[chosen]][:, None] + np.arange(self.netlist.specs[spec].pins)
            found = nets.of_node[cards.node[rows]]
            target = body.targets[spec]
            assert isinstance(target, Subcircuit), "only instances have children"
            if found.shape[1] > target.port_count:
                found = _merged_ports(cards, children[chosen], target, found, body.path, self.faults)
            below = np.array([nets.globals[key] for key, _ in self._globals_below[child]], np.int32)
            found = np.concatenate([found, np.broadcast_to(below, (len(chosen), len(below)))], axis=1)
            counts[chosen] = found.shape[1]
            parts.append((chosen, found))
        offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        values = np.empty(offset[-1], np.int32)
        for chosen, found in parts:
            values[offset[chosen][:, None] + np.arange(found.shape[1])] = found
        return offset, values


@dataclass(frozen=True, slots=True)
class _Nets:
    """Local nets of a body."""

    of_node: IntArray  # [nodes] local net; -1 for a name no active card uses
    labels: NameList
    used: list[GlobalNet]  # global nets, in the order of their numbers
    globals: dict[str, int]  # global key -> local net


def _by_spec(cards: CardTable, values: Mapping[int, int], otherwise: int = -1) -> IntArray:
    """Value of every card by its spec, [c]."""
    found = np.array([values.get(spec, otherwise) for spec in cards.used_specs.tolist()], np.int32)
    spread: IntArray = found[cards.spec_position]
    return spread


def grouped(values: IntArray) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The distinct values, ascending, each with the positions that hold it."""
    order = np.argsort(values, kind="stable")
    distinct, first = np.unique(values[order], return_index=True)
    yield from zip(distinct.tolist(), np.split(order, first)[1:], strict=True)


def _selected(
    offset: NDArray[np.int64], values: IntArray, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], IntArray]:
    """Chosen rows of a ragged array."""
    if len(rows) == len(offset) - 1:
        return offset, values.copy()
    sizes = offset[rows + 1] - offset[rows]
    stops = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    source = np.arange(stops[-1]) + np.repeat(offset[rows] - stops[:-1], sizes)
    return stops, values[source]


def _merged_ports(
    cards: CardTable,
    positions: NDArray[np.int64],
    target: Subcircuit,
    nets: IntArray,
    path: tuple[str, ...],
    faults: Faults,
) -> IntArray:
    """Nets at the distinct ports of children whose header repeats port names, [k, distinct ports]."""
    ports = np.array(target.port_nodes)
    first = np.unique(ports, return_index=True)[1]
    differs = (nets != nets[:, first][:, ports]).any(axis=1)
    if differs.any():
        row = int(np.argmax(differs))
        port = target.ports[int(np.argmax(nets[row] != nets[row, first][ports]))]
        fault = (
            f" ties port {port}, which {target.name} of {target.location} lists twice, to two different nets"
        )
        faults.report_card(cards, int(positions[row]), fault, path)
    merged: IntArray = nets[:, first]
    return merged
