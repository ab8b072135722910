"""Subcircuits under parameter values: each body is elaborated once per set of values, children first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.device_typing import primitive_type_from_name
from circuitgcl.netlist.expressions import ExpressionError, Scope
from circuitgcl.netlist.hierarchy import Hierarchy
from circuitgcl.netlist.records import (
    HIERARCHY_SEPARATOR,
    Definition,
    DeviceCard,
    InstanceCard,
    Netlist,
    Subcircuit,
)
from circuitgcl.netlist.sizing import CardTable, evaluate_parameter
from circuitgcl.schema import DeviceType

MAX_BODIES = 1_000_000
GROUND_KEY = "0"
GROUND_NAMES = ("0", "gnd")  # both are the reference node wherever they are no port

_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*")

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
    pending: Iterator[tuple[InstanceCard, Subcircuit | None]]
    devices: list[DeviceCard]
    instances: list[tuple[InstanceCard, Subcircuit]] = field(default_factory=list)
    children: list[int] = field(default_factory=list)  # of `instances`, as far as they are done


class Elaboration:
    """Elaborated definitions of one hierarchy; a child comes before its parents, the top last."""

    def __init__(self, netlist: Netlist, hierarchy: Hierarchy) -> None:
        self.netlist, self.hierarchy = netlist, hierarchy
        self.definitions: list[Definition] = []
        self.cards = CardTable(netlist.scale)
        self._global_labels = {name.casefold(): name for name in netlist.global_nets}
        self._global_keys = {name: name for name in self._global_labels} | dict.fromkeys(
            GROUND_NAMES, GROUND_KEY
        )
        self._global_scope = Scope(netlist.main.parameters, functions=netlist.main.functions)
        self._instance_counts: list[int] = []
        self._globals_below: list[tuple[GlobalNet, ...]] = []
        self._by_call: dict[_BodyKey, int] = {}  # values passed by the instance -> definition
        self._by_key: dict[_BodyKey, int] = {}  # all header values -> definition
        self._mentioned: dict[int, frozenset[str]] = {}
        self._notes: dict[tuple[int, str], str] = {}

    def warnings(self) -> list[str]:
        """What the user should know about the parameters."""
        found = list(self._notes.values())
        if self.cards.micrometre_cards:
            found.append(
                f"{self.netlist.path}: {self.cards.micrometre_cards} device cards give W and L in "
                "micrometres without a suffix; scaled by 1e-6"
            )
        return found

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
            index = self._close(body)
            if stack:
                stack[-1].children.append(index)

    def _next_child(self, body: _Body) -> _Body | None:
        """The next child that is not known yet; known ones are entered on the way."""
        for card, target in body.pending:
            if target is None:
                body.devices.append(_primitive(card))
                continue
            path = (*body.path, card.name)
            values, multiplier = self._passed(card, target, body)
            body.instances.append((card, target))
            call = (id(target), tuple(sorted(values.items())), multiplier)
            index = self._by_call.get(call)
            if index is None:
                child = self._open(target, values, multiplier, path)
                index = self._by_key.get(child.key)
                if index is None:
                    return child
                self._by_call[call] = index
            body.children.append(index)
        return None

    def _passed(self, card: InstanceCard, target: Subcircuit, body: _Body) -> tuple[dict[str, float], float]:
        """Parameter values an instance passes down, and the multiplier below it."""
        if not card.parameters:
            return {}, body.multiplier
        values: dict[str, float] = {}
        multiplier = body.multiplier
        for name, expression in card.parameters.items():
            is_multiplier = name == "m" and "m" not in target.defaults
            if not is_multiplier and name not in target.defaults and name not in self._free_names(target):
                # cannot change anything: left out, so that copies stay shared
                self._notes.setdefault(
                    (id(target), name),
                    f"{card.location}: {card.name} sets {name}, which subcircuit {target.name} does not use",
                )
                continue
            value = evaluate_parameter(expression, body.scope, card, body.path)
            if is_multiplier:
                multiplier *= value
            else:
                values[name] = value
        return values, multiplier

    def _free_names(self, subcircuit: Subcircuit) -> frozenset[str]:
        """Names a body mentions without defining them."""
        known = self._mentioned.get(id(subcircuit))
        if known is None:
            texts = [*subcircuit.defaults.values(), *subcircuit.parameters.values()]
            cards: list[DeviceCard | InstanceCard] = [*subcircuit.devices, *subcircuit.instances]
            for card in cards:
                texts += card.parameters.values()
            names = {name.lower() for text in texts for name in _IDENTIFIER.findall(text)}
            known = self._mentioned[id(subcircuit)] = frozenset(names - subcircuit.parameters.keys())
        return known

    def _open(
        self, subcircuit: Subcircuit, passed: Mapping[str, float], multiplier: float, path: tuple[str, ...]
    ) -> _Body:
        scope, values = self._scope(subcircuit, passed, path)
        targets = self.hierarchy.targets[id(subcircuit)]
        return _Body(
            subcircuit=subcircuit,
            scope=scope,
            call=(id(subcircuit), tuple(sorted(passed.items())), multiplier),
            key=(id(subcircuit), tuple(sorted(values.items())), multiplier),
            multiplier=multiplier,
            path=path,
            pending=iter(zip(subcircuit.instances, targets, strict=True)),
            devices=list(subcircuit.devices),
        )

    def _scope(
        self, subcircuit: Subcircuit, passed: Mapping[str, float], path: tuple[str, ...]
    ) -> tuple[Scope, dict[str, float]]:
        """Parameter scope of a body, and the header values that tell it from others."""
        if subcircuit is self.netlist.main:
            return self._global_scope, {}
        header = Scope(subcircuit.defaults, passed, subcircuit.functions, self._global_scope)
        values = dict(passed)
        for name in subcircuit.defaults:
            try:
                values[name] = header.lookup(name)
            except ExpressionError as error:
                raise NetlistError(
                    f"parameter {name} of subcircuit {subcircuit.name}: {error}",
                    location=subcircuit.location,
                    instance_path=HIERARCHY_SEPARATOR.join(path),
                ) from error
        return Scope(subcircuit.parameters, values, subcircuit.functions, self._global_scope), values

    def _close(self, body: _Body) -> int:
        """Number the nets of a body whose children are done, and keep its definition."""
        nets = _LocalNets(body.subcircuit.ports)
        used = self._global_nets(body, nets)
        for key, label in used:
            nets.add_global(key, label)
        pins = [self._net(nets, node) for card in body.devices for node in card.nodes]
        child_net: list[int] = []
        child_net_offset, child_instance, instances = [0], [], 1
        for (card, target), child in zip(body.instances, body.children, strict=True):
            child_net += self._child_nets(card, target, child, nets, body)
            child_net_offset.append(len(child_net))
            child_instance.append(instances)
            instances += self._instance_counts[child]
        pin_counts = np.array([len(card.nodes) for card in body.devices], np.int64)
        self.definitions.append(
            Definition(
                name=body.subcircuit.name,
                net_labels=tuple(nets.labels),
                port_count=nets.port_count,
                global_count=len(used),
                device_card=np.array([self._row(card, body) for card in body.devices], np.int32),
                pin_offset=np.concatenate([np.zeros(1, np.int64), np.cumsum(pin_counts)]),
                pin_net=np.array(pins, np.int32),
                child_definition=np.array(body.children, np.int32),
                child_names=tuple(card.name for card, _ in body.instances),
                child_instance=np.array(child_instance, np.int64),
                child_net_offset=np.array(child_net_offset, np.int64),
                child_net=np.array(child_net, np.int32),
                location=body.subcircuit.location,
            )
        )
        index = len(self.definitions) - 1
        self._globals_below.append(tuple(used))
        self._instance_counts.append(instances)
        self._by_call[body.call] = self._by_key[body.key] = index
        return index

    def _row(self, card: DeviceCard, body: _Body) -> int:
        model = card.model.casefold()
        device_type = body.subcircuit.models.get(model, self.netlist.main.models.get(model, card.device_type))
        return self.cards.add(card, device_type, body.scope, body.multiplier, body.path)

    def _net(self, nets: _LocalNets, node: str) -> int:
        folded = node.casefold()
        number = nets.local.get(folded)
        if number is None:
            key = self._global_keys.get(folded)
            number = nets.add(node) if key is None else nets.globals[key]
        return number

    def _global_nets(self, body: _Body, nets: _LocalNets) -> list[GlobalNet]:
        """Global nets a body needs, itself or below, by label; the top binds those it has as ports."""
        if body.subcircuit is self.hierarchy.top:
            for port in body.subcircuit.ports:
                key = self._global_keys.get(port.casefold())
                if key is not None:
                    nets.globals.setdefault(key, nets.local[port.casefold()])
        needed: dict[str, str] = {}
        cards: list[DeviceCard | InstanceCard] = [*body.devices, *(card for card, _ in body.instances)]
        for card in cards:
            for node in card.nodes:
                folded = node.casefold()
                key = self._global_keys.get(folded)
                if key is not None and folded not in nets.local:
                    needed.setdefault(key, self._global_labels.get(folded, node))
        for child in dict.fromkeys(body.children):
            for key, label in self._globals_below[child]:
                needed.setdefault(key, label)
        return sorted(
            (item for item in needed.items() if item[0] not in nets.globals), key=lambda item: item[1]
        )

    def _child_nets(
        self, card: InstanceCard, target: Subcircuit, child: int, nets: _LocalNets, body: _Body
    ) -> list[int]:
        """Local nets at the ports of a child, then at its global nets."""
        found = [self._net(nets, node) for node in card.nodes]
        if self.definitions[child].port_count < len(found):
            found = _merged_ports(card, target, found, body)
        return found + [nets.globals[key] for key, _ in self._globals_below[child]]


def _merged_ports(card: InstanceCard, target: Subcircuit, nets: list[int], body: _Body) -> list[int]:
    """Nets at the distinct ports of a child whose header repeats port names."""
    by_port: dict[str, int] = {}
    for port, net in zip(target.ports, nets, strict=True):
        if by_port.setdefault(port.casefold(), net) != net:
            raise NetlistError(
                f"{card.name} ties port {port}, which {target.name} of {target.location} lists twice, "
                "to two different nets",
                location=card.location,
                instance_path=HIERARCHY_SEPARATOR.join(body.path),
            )
    return list(by_port.values())


def _primitive(card: InstanceCard) -> DeviceCard:
    """A process-kit device written as an instance."""
    device_type = primitive_type_from_name(card.subcircuit, len(card.nodes))
    return DeviceCard(
        name=card.name,
        device_type=DeviceType.OTHER if device_type is None else device_type,
        nodes=card.nodes,
        model=card.subcircuit,
        parameters=card.parameters,
        location=card.location,
    )


class _LocalNets:
    """Local net numbers of a body: ports, then global nets, then the others by first appearance.

    Names compare without case. A global net and a port of the same name are two nets.
    """

    def __init__(self, ports: tuple[str, ...]) -> None:
        self.labels: list[str] = []
        self.local: dict[str, int] = {}  # case-folded name -> number
        self.globals: dict[str, int] = {}  # global key -> number
        for port in ports:
            self.add(port)
        self.port_count = len(self.labels)

    def add(self, name: str) -> int:
        number = self.local.setdefault(name.casefold(), len(self.labels))
        if number == len(self.labels):
            self.labels.append(name)
        return number

    def add_global(self, key: str, label: str) -> None:
        self.globals[key] = len(self.labels)
        self.labels.append(label)
