"""Which subcircuits a netlist uses below its top cell, and whether they can be expanded at all.

Everything here follows from the cards alone, before any parameter is evaluated: parameters change sizes, and
the hierarchy only through `.if`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.device_typing import (
    BodySummary,
    is_process_device,
    mos_type_from_name,
    mos_type_from_usage,
    process_device_type,
)
from circuitgcl.netlist.faults import Faults
from circuitgcl.netlist.records import CardSpec, Netlist, Subcircuit
from circuitgcl.netlist.spectre_primitives import SPECTRE_PRIMITIVES
from circuitgcl.schema import DeviceType

MAX_DEPTH = 200
MAX_DEVICES = 100_000_000
MAX_INSTANCES = 100_000_000
MAX_SHOWN = 8  # names in a message


@dataclass(frozen=True, slots=True)
class Device:
    """What a card is that is no level of the hierarchy."""

    kind: DeviceType
    wrapper: Subcircuit | None = (
        None  # definition that gives its default parameters and the order of its ports
    )


Target = Subcircuit | Device | None
_TWO_TERMINAL = (DeviceType.RESISTOR, DeviceType.CAPACITOR, DeviceType.INDUCTOR, DeviceType.DIODE)
_WITHOUT_MODEL = {kind: Device(kind) for kind in DeviceType}


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """What can be reached from a top cell, with every master resolved."""

    top: Subcircuit
    targets: dict[int, dict[int, Target]]  # id of a definition -> spec of its cards -> what they are
    warnings: list[str]


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
    if len(netlist.main.cards):
        return netlist.main, []
    outer = [definition for definition in netlist.subcircuits.values() if not definition.scope]
    if not outer:
        raise NetlistError("the file defines no circuit", location=netlist.main.location)
    masters = Masters(netlist)
    used = {id(child) for definition in netlist.subcircuits.values() for child in masters.below(definition)}
    roots = [definition for definition in outer if id(definition) not in used] or outer
    if len(roots) == 1:
        return roots[0], []
    named = [root for root in roots if root.name.casefold() == netlist.name.casefold()]
    chosen = named[0] if named else max(roots, key=lambda root: _cards_below(masters, root))
    others = [root.name for root in roots if root is not chosen]
    shown = ", ".join(others[:MAX_SHOWN]) + (
        f" and {len(others) - MAX_SHOWN} more" if others[MAX_SHOWN:] else ""
    )
    return chosen, [f"{netlist.path}: top cell {chosen.name} chosen; also never instantiated: {shown}"]


class Masters:
    """What the cards of a netlist are; every body is looked at once.

    A process-kit device is a device even where its subcircuit is defined.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self._of_body: dict[int, dict[int, Target]] = {}
        self._wrapped: dict[int, DeviceType | None] = {}

    def of(self, definition: Subcircuit) -> dict[int, Target]:
        """What the cards of a body are, by spec; `None` where nothing tells."""
        found = self._of_body.get(id(definition))
        if found is None:
            used = definition.cards.used_specs.tolist()
            found = {spec: self._target(definition, self.netlist.specs[spec]) for spec in used}
            self._of_body[id(definition)] = found
        return found

    def below(self, definition: Subcircuit) -> list[Subcircuit]:
        """Definitions of the instances in a body; as often as they differ in what they pass down."""
        return [target for target in self.of(definition).values() if isinstance(target, Subcircuit)]

    def _target(self, definition: Subcircuit, spec: CardSpec) -> Target:
        if spec.kind is not None and not spec.master:
            return _WITHOUT_MODEL[spec.kind]
        netlist = self.netlist
        told = model_type(netlist, definition, spec.master)
        if told is not None and spec.kind is not None:
            return Device(told)
        found = netlist.find(spec.master, netlist.scope_inside(definition))
        if spec.kind is not None:
            return found if found and self._is_cell(found, definition, spec) else Device(spec.kind)
        if found is None:
            if told is None and netlist.case_sensitive:
                told = SPECTRE_PRIMITIVES.get(spec.master)
            if told is None:
                told = process_device_type(spec.master, spec.pins, [name for name, _ in spec.parameters])
            return None if told is None else Device(told)
        if found is definition:  # a wrapper round the device of its own name
            told = process_device_type(spec.master, spec.pins)
            return found if told is None else Device(told)
        told = self._wrapped_device(found)
        return found if told is None else Device(told, found)

    def _is_cell(self, found: Subcircuit, definition: Subcircuit, spec: CardSpec) -> bool:
        """Whether a two-terminal card names a cell; some exporters leave the X off (`cap1 a b CAP1`)."""
        is_alike = found is not definition and spec.pins in (len(found.ports), found.port_count)
        return is_alike and spec.kind in _TWO_TERMINAL and self._wrapped_device(found) is None

    def _wrapped_device(self, definition: Subcircuit) -> DeviceType | None:
        """Type of the device that a definition wraps, if it does."""
        if id(definition) not in self._wrapped:
            names = (*definition.defaults, *definition.parameters)
            self._wrapped[id(definition)] = is_process_device(
                definition.name, len(definition.ports), names, _summary(self.netlist, definition)
            )
        return self._wrapped[id(definition)]


def model_type(netlist: Netlist, definition: Subcircuit, model: str) -> DeviceType | None:
    """What the model card visible from inside a definition says, or `None` without one."""
    folded, scope = netlist.fold(model), netlist.scope_inside(definition)
    if folded in definition.models:
        return definition.models[folded]
    for depth in range(len(scope) - 1, 0, -1):
        around = netlist.subcircuits.get(scope[:depth])
        if around is not None and folded in around.models:
            return around.models[folded]
    return netlist.main.models.get(folded)


def _summary(netlist: Netlist, definition: Subcircuit) -> BodySummary:
    """What a body holds, for telling devices from cells."""
    devices: list[tuple[DeviceType, str]] = []
    instances: list[str] = []
    for number in definition.cards.spec[:64].tolist():
        spec = netlist.specs[number]
        # in Spectre, devices of a model are instances too
        kind = definition.models.get(netlist.fold(spec.master)) if spec.kind is None else spec.kind
        if kind is None:
            instances.append(spec.master)
        else:
            devices.append((kind, spec.master))
    return BodySummary(devices=tuple(devices), instances=tuple(instances), models=tuple(definition.models))


def _cards_below(masters: Masters, root: Subcircuit) -> int:
    """Number of distinct cards reachable from a definition."""
    seen: set[int] = set()
    total, pending = 0, [root]
    while pending:
        definition = pending.pop()
        if id(definition) in seen:
            continue
        seen.add(id(definition))
        total += len(definition.cards)
        pending += masters.below(definition)
    return total


@dataclass(slots=True)
class _Visit:
    """A definition on the way down."""

    definition: Subcircuit
    path: tuple[str, ...]  # instance names from the top
    pending: Iterator[tuple[int, Subcircuit, int]]  # spec, target, number of instances
    devices: int
    instances: int = 1
    copies: int = 1  # instances of this definition in the body above


def resolve_hierarchy(netlist: Netlist, top: Subcircuit, faults: Faults) -> Hierarchy:
    """Resolve all instances below a top cell and count what they expand to.

    Args:
        netlist: what was read.
        top: the top cell.
        faults: what is wrong with instances goes here; lenient, they are kept as black boxes.

    Raises:
        NetlistError: an undefined or recursive subcircuit, a wrong number of nodes, too many levels, no
            device, or more than `MAX_DEVICES` devices or `MAX_INSTANCES` instances.
    """
    hierarchy = Hierarchy(top=top, targets={}, warnings=[])
    masters = Masters(netlist)
    counts: dict[int, tuple[int, int]] = {}  # devices and instances of finished definitions

    def visit(definition: Subcircuit, path: tuple[str, ...], copies: int) -> _Visit:
        found = _checked_targets(masters, definition, path, hierarchy, faults)
        cards = definition.cards
        below = [
            (spec, to, cards.count_with(spec)) for spec, to in found.items() if isinstance(to, Subcircuit)
        ]
        devices = len(cards) - sum(count for _, _, count in below)
        return _Visit(definition, path, iter(below), devices, copies=copies)

    stack = [visit(top, (), 1)]
    while stack:
        current = stack[-1]
        for spec, target, copies in current.pending:
            if id(target) in counts:
                devices, instances = counts[id(target)]
                current.devices += devices * copies
                current.instances += instances * copies
            else:
                above = current.definition.cards
                first = above.first_with(spec)
                circle = _circle(target, stack)
                if circle:
                    faults.report(circle, above.location(first), current.path)
                    hierarchy.targets[id(current.definition)][spec] = Device(DeviceType.OTHER)
                    current.devices += copies
                    continue
                _check_depth(stack)
                stack.append(visit(target, (*current.path, above.names[first]), copies))
                break
        else:
            stack.pop()
            counts[id(current.definition)] = current.devices, current.instances
            if stack:
                stack[-1].devices += current.devices * current.copies
                stack[-1].instances += current.instances * current.copies
    _check_size(top, *counts[id(top)])
    return hierarchy


def _checked_targets(
    masters: Masters,
    definition: Subcircuit,
    path: tuple[str, ...],
    hierarchy: Hierarchy,
    faults: Faults,
) -> dict[int, Target]:
    """What the cards of a body are; polarity of MOSFETs settled, faults raised or listed."""
    found = hierarchy.targets[id(definition)] = dict(masters.of(definition))
    netlist, cards = masters.netlist, definition.cards
    for number, target in found.items():
        spec = netlist.specs[number]
        if isinstance(target, Device) and target.kind.is_mos and target.wrapper is None:
            found[number] = Device(_polarity(netlist, definition, number, hierarchy.warnings))
            continue
        fault = _fault(netlist, spec, target)
        if fault is None or (target is None and spec.condition):  # asked again where the condition is known
            continue
        faults.report_card(cards, cards.first_with(number), fault, path)
        found[number] = Device(DeviceType.OTHER)
    return found


def _polarity(netlist: Netlist, definition: Subcircuit, number: int, warnings: list[str]) -> DeviceType:
    """Polarity of a MOSFET card: by its model card, the names of model and nets, or the name of its cell."""
    master = netlist.specs[number].master
    told = model_type(netlist, definition, master)
    told = mos_type_from_name(master) if told is None else told
    if told is not None:
        return told
    cards = definition.cards
    card = cards[cards.first_with(number)]
    used = mos_type_from_usage(*card.nodes[3:4], *card.nodes[0:3:2])
    if used is None:
        used = mos_type_from_name(definition.name)  # cells that stand for one device of a process
    if used is None:
        warnings.append(f"{card.location}: polarity of MOSFET model {master} is unknown; taken as NMOS")
    return DeviceType.NMOS if used is None else used


def _fault(netlist: Netlist, spec: CardSpec, target: Target) -> str | None:
    """What is wrong with an instance, or `None`."""
    if target is None:
        return undefined(netlist, spec)
    if isinstance(target, Subcircuit) and spec.pins not in (len(target.ports), target.port_count):
        return (
            f" connects {spec.pins} nodes; subcircuit {target.name} of {target.location} has "
            f"{len(target.ports)} ports"
        )
    return None


def undefined(netlist: Netlist, spec: CardSpec) -> str:
    """What to say of an instance whose master nothing tells about."""
    missing = netlist.missing_files
    hint = (
        f"It may be in a file that was not found: {missing[0].removeprefix('missing ')}"
        if missing
        else "Is an .include missing?"
    )
    return f" instantiates subcircuit {spec.master!r}, which is not defined. {hint}"


def _circle(target: Subcircuit, stack: list[_Visit]) -> str:
    """How a definition on the way down is met again, or an empty text."""
    names = [visit.definition.name for visit in stack]
    for level, visit in enumerate(stack):
        if visit.definition is target:
            circle = " > ".join(_shortened([*names[level:], target.name]))
            return f"subcircuit {target.name} contains itself: {circle}"
    return ""


def _check_depth(stack: list[_Visit]) -> None:
    if len(stack) > MAX_DEPTH:
        top = stack[0].definition
        raise NetlistError(
            f"{top.name} is nested deeper than {MAX_DEPTH} levels; choose a lower cell with --top",
            location=top.location,
        )


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]


def _check_size(top: Subcircuit, devices: int, instances: int) -> None:
    for count, limit, noun in ((devices, MAX_DEVICES, "devices"), (instances, MAX_INSTANCES, "instances")):
        if count > limit:
            raise NetlistError(
                f"{top.name} expands to {count:,} {noun}; at most {limit:,} are handled. "
                "Choose a smaller cell with --top",
                location=top.location,
            )
    if devices == 0:
        raise no_device(top)


def no_device(top: Subcircuit) -> NetlistError:
    """What to say of a top cell without devices."""
    return NetlistError(
        f"{top.name} contains no device; expected at least one M, Q, D, R, C, L or process-kit X card. "
        "Choose another cell with --top",
        location=top.location,
    )
