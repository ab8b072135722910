"""Which subcircuits a netlist uses below its top cell, and whether they can be expanded at all.

Everything here follows from the cards alone, before any parameter is evaluated: SPICE parameters change
sizes, never the hierarchy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.device_typing import primitive_type_from_name
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, InstanceCard, Netlist, Subcircuit

MAX_DEPTH = 200
MAX_DEVICES = 100_000_000
MAX_INSTANCES = 100_000_000

Targets = tuple[Subcircuit | None, ...]


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """What can be reached from a top cell, with every instance resolved."""

    top: Subcircuit
    targets: dict[
        int, Targets
    ]  # id of a definition -> definition of each instance; None for a process-kit device
    device_count: int
    instance_count: int  # the top included


def choose_top(netlist: Netlist, top: str | None = None) -> tuple[Subcircuit, list[str]]:
    """The subcircuit to flatten, and what the user should know about the choice.

    Without a name: the file's own top level if it has elements, else the definition nobody instantiates;
    among several of these the one named like the file, else the one with the most cards below it.

    Raises:
        NetlistError: the named top does not exist, or there is nothing to choose from.
    """
    if top is not None:
        found = netlist.find(top)
        if found is None:
            defined = sorted(definition.name for definition in netlist.subcircuits.values())
            more = ", ..." if len(defined) > 8 else ""
            raise NetlistError(
                f"there is no subcircuit {top!r}; the file defines: {', '.join(defined[:8]) or 'none'}{more}",
                location=netlist.main.location,
            )
        return found, []
    if not netlist.main.is_empty:
        return netlist.main, []
    outer = [definition for definition in netlist.subcircuits.values() if not definition.scope]
    if not outer:
        raise NetlistError("the file defines no circuit", location=netlist.main.location)
    used = {
        id(target)
        for definition in netlist.subcircuits.values()
        for target in resolve_instances(netlist, definition)
        if target is not None
    }
    roots = [definition for definition in outer if id(definition) not in used] or outer
    if len(roots) == 1:
        return roots[0], []
    named = [root for root in roots if root.name.casefold() == netlist.name.casefold()]
    chosen = named[0] if named else max(roots, key=lambda root: _cards_below(netlist, root))
    others = ", ".join(root.name for root in roots if root is not chosen)
    return chosen, [f"{netlist.path}: top cell {chosen.name} chosen; also never instantiated: {others}"]


def resolve_instances(netlist: Netlist, definition: Subcircuit) -> Targets:
    """Definition behind each instance of a body; `None` where none is visible.

    A process-kit cell that holds nothing but an instance of its own name stands for the device itself.
    """
    scope = (
        definition.scope if definition is netlist.main else (*definition.scope, definition.name.casefold())
    )
    found: list[Subcircuit | None] = []
    for card in definition.instances:
        target = netlist.find(card.subcircuit, scope)
        if target is definition and primitive_type_from_name(card.subcircuit, len(card.nodes)) is not None:
            target = None
        found.append(target)
    return tuple(found)


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
        pending += [target for target in resolve_instances(netlist, definition) if target is not None]
    return total


@dataclass(slots=True)
class _Visit:
    """A definition on the way down."""

    definition: Subcircuit
    path: tuple[str, ...]  # instance names from the top
    pending: Iterator[tuple[InstanceCard, Subcircuit | None]]
    devices: int
    instances: int = 1


def resolve_hierarchy(netlist: Netlist, top: Subcircuit) -> Hierarchy:
    """Resolve all instances below a top cell and count what they expand to.

    Raises:
        NetlistError: an undefined or recursive subcircuit, a wrong number of nodes, too many levels, no
            device, or more than `MAX_DEVICES` devices or `MAX_INSTANCES` instances.
    """
    targets: dict[int, Targets] = {}
    counts: dict[int, tuple[int, int]] = {}  # devices and instances of finished definitions

    def visit(definition: Subcircuit, path: tuple[str, ...]) -> _Visit:
        found = targets[id(definition)] = resolve_instances(netlist, definition)
        cards = zip(definition.instances, found, strict=True)
        return _Visit(definition, path, iter(cards), devices=len(definition.devices))

    stack = [visit(top, ())]
    while stack:
        current = stack[-1]
        for card, target in current.pending:
            _check_instance(netlist, card, target, current.path)
            if target is None:
                current.devices += 1
            elif id(target) in counts:
                devices, instances = counts[id(target)]
                current.devices += devices
                current.instances += instances
            else:
                _check_descent(card, target, stack)
                stack.append(visit(target, (*current.path, card.name)))
                break
        else:
            stack.pop()
            counts[id(current.definition)] = current.devices, current.instances
            if stack:
                stack[-1].devices += current.devices
                stack[-1].instances += current.instances
    devices, instances = counts[id(top)]
    _check_size(top, devices, instances)
    return Hierarchy(top=top, targets=targets, device_count=devices, instance_count=instances)


def _check_instance(
    netlist: Netlist, card: InstanceCard, target: Subcircuit | None, path: tuple[str, ...]
) -> None:
    if target is None:
        if primitive_type_from_name(card.subcircuit, len(card.nodes)) is None:
            raise NetlistError(
                f"{card.name} instantiates subcircuit {card.subcircuit!r}, which is not defined. "
                + _missing_include_hint(netlist),
                location=card.location,
                instance_path=HIERARCHY_SEPARATOR.join(path),
            )
    elif len(card.nodes) not in (len(target.ports), len(distinct_ports(target))):
        raise NetlistError(
            f"{card.name} connects {len(card.nodes)} nodes; subcircuit {target.name} of "
            f"{target.location} has {len(target.ports)} ports",
            location=card.location,
            instance_path=HIERARCHY_SEPARATOR.join(path),
        )


def distinct_ports(definition: Subcircuit) -> tuple[str, ...]:
    """Ports of a definition without repetitions; some writers list a supply port twice."""
    return tuple({port.casefold(): port for port in reversed(definition.ports)}.values())[::-1]


def _missing_include_hint(netlist: Netlist) -> str:
    missing = [card.kind for card in netlist.skipped_cards if card.kind.startswith(".include ")]
    return f"It may be in a file that was not found: {missing[0]}" if missing else "Is an .include missing?"


def _check_descent(card: InstanceCard, target: Subcircuit, stack: list[_Visit]) -> None:
    path = HIERARCHY_SEPARATOR.join(stack[-1].path)
    names = [visit.definition.name for visit in stack]
    for level, visit in enumerate(stack):
        if visit.definition is target:
            circle = " > ".join(_shortened([*names[level:], target.name]))
            raise NetlistError(
                f"subcircuit {target.name} contains itself: {circle}",
                location=card.location,
                instance_path=path,
            )
    if len(stack) > MAX_DEPTH:
        raise NetlistError(
            f"{names[0]} is nested deeper than {MAX_DEPTH} levels; choose a lower cell with --top",
            location=stack[0].definition.location,
        )


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]


def _check_size(top: Subcircuit, devices: int, instances: int) -> None:
    location = top.location if top.location.line else SourceLocation(top.location.path, 0)
    for count, limit, noun in ((devices, MAX_DEVICES, "devices"), (instances, MAX_INSTANCES, "instances")):
        if count > limit:
            raise NetlistError(
                f"{top.name} expands to {count:,} {noun}; at most {limit:,} are handled. "
                "Choose a smaller cell with --top",
                location=location,
            )
    if devices == 0:
        raise NetlistError(
            f"{top.name} contains no device; expected at least one M, Q, D, R, C, L or process-kit X card. "
            "Choose another cell with --top",
            location=location,
        )
