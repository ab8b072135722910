"""Which nets are supply rails, and what tells it.

A rail joins everything to everything in two hops, so no message passes through one; coupling to a rail counts
as load to ground. A wrong guess can be overruled: patterns name the rails, or nets that are none.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.feeding import feeding_nets
from circuitgcl.graph.net_sums import NetSums
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole, PortDirection

NOT = "!"  # begins the pattern of nets that are no rails


class RailKind(IntEnum):
    """Part a net plays in supplying the circuit. Virtual supplies (`virtual_supplies`) are signals."""

    SIGNAL = 0
    GROUND = 1
    SUPPLY = 2


class RailEvidence(IntEnum):
    """What tells that a net is a rail."""

    NONE = 0
    USER = 1  # a pattern of the user's
    NAME = 2  # alone, or its beginning on a net that feeds gates or bulks
    GLOBAL = 3  # declared global, and nothing reads it
    SOURCE = 4  # a voltage source drives it, it feeds gates or bulks, and nothing reads it
    BULK = 5  # most bulks of one polarity are tied to it, or nothing but bulks: a well
    WIDTH = 6  # most of the width of one polarity hangs on it
    STATED = 7  # the netlist states it of a port


# what may follow the stem: a domain (`vdda`, `vdd_io`), a voltage (`vdd_1v8`), a number or a bus index
_DOMAIN = r"(?:_?(?:[adhlpqx]|io|core|dig|ana|rf|pll|esd|pad))?(?:_?\d+[vp]\d*)?(?:[\[<(]?\d*[\]>)]?)!?"
_GROUND = re.compile(rf"0|(?:(?:[adp]?(?:gnd|vss)|vee|[vp]gnd|vnb|vsub|sub|substrate|ground){_DOMAIN})", re.I)
_SUPPLY = re.compile(
    rf"(?:[adp]?(?:vdd|vcc|vpwr)|vpb|vpp|vps|vbat|power|kapwr|lowlvpwr|vpwrin|avdd\w*|dvdd\w*){_DOMAIN}", re.I
)
_WELL = re.compile(rf"(?:sub|substrate|vsub|vnb|vpb|vpp){_DOMAIN}", re.I)  # p or n, the bulks tell
_VOLTAGE_SUPPLY = re.compile(r"v?(?:dd|cc)\d+(?:v|p)\d*!?", re.I)

_STEM = r"(?:vdd|vcc|vss|gnd)"
_VIRTUAL = re.compile(
    rf"(?:v|virt(?:ual)?_?|sw_?|gated_?|int_?|local_?|reg_?){_STEM}\w*"
    rf"|{_STEM}[adq]?_?(?:i|v|g|int|sw|virt(?:ual)?|gated|local|reg)\d*|vreg\d*|v?ldo(?:_?out)?\d*",
    re.I,
)
_BEGINNING = re.compile(r"[adp]?(?:vdd|vcc|vss|gnd)_?\w+!?", re.I)

_MOST_BULKS = 0.5  # share of the bulks of one polarity
_MOST_WIDTH = 0.5  # share of the width of one polarity, drains and sources each counted once
_WIDTH_LEAD = 2.0  # times the width on the next net


def rail_kind_of_name(name: str) -> RailKind:
    """What a net's own (unqualified) name says about it."""
    if _GROUND.fullmatch(name):
        return RailKind.GROUND
    if _SUPPLY.fullmatch(name) or _VOLTAGE_SUPPLY.fullmatch(name):
        return RailKind.SUPPLY
    return RailKind.SIGNAL


def is_virtual_supply_name(name: str) -> bool:
    """Whether a net's own name says that it is a regulated, switched or internal supply."""
    return _VIRTUAL.fullmatch(name) is not None


def wanted_and_refused(patterns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Patterns of rails, and those behind `!`, of nets that are none."""
    refused = [pattern[len(NOT) :].strip() for pattern in patterns if pattern.startswith(NOT)]
    return [pattern for pattern in patterns if not pattern.startswith(NOT)], refused


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the glob patterns means a name: any case, brackets stand for themselves."""
    return bool(patterns) and _rule(tuple(patterns)).match(name.casefold()) is not None


@lru_cache(maxsize=16)
def _rule(patterns: tuple[str, ...]) -> re.Pattern[str]:
    parts = (fnmatch.translate(pattern.casefold().replace("[", "[[]")) for pattern in patterns)
    return re.compile("|".join(parts))


@dataclass(frozen=True, kw_only=True)
class RailGuess:
    """Rails of a circuit with N flat nets, and why each is one."""

    kinds: NDArray[np.int8]  # [N] RailKind
    evidence: NDArray[np.int8]  # [N] RailEvidence

    def add(self, nets: NDArray[np.integer], kind: RailKind, evidence: RailEvidence) -> None:
        """Make nets that are no rails yet rails."""
        new = nets[self.kinds[nets] == RailKind.SIGNAL]
        self.kinds[new], self.evidence[new] = kind, evidence


def recognise_rails(circuit: FlatCircuit, patterns: Sequence[str] = ()) -> NDArray[np.int8]:
    """Rail kind of every flat net, [N] `RailKind`; as `guess_rails`."""
    return guess_rails(circuit, patterns).kinds


def guess_rails(circuit: FlatCircuit, patterns: Sequence[str] = ()) -> RailGuess:
    """Rails of a circuit and the evidence for each.

    Evidence, strongest first: the user's patterns; the names of top-level and global nets; what the netlist
    states of a port; a port that holds nothing but bulks; a voltage source and gates to feed; on nets that no
    gate reads: `.global`, a voltage source and bulks to tie, or a port whose name begins like a rail's and
    that has either; where a kind of rail is still unknown, the top-level port that is the bulk of most
    MOSFETs of one polarity, or else the one that most of their width hangs on. Nets inside an instance are
    never rails by themselves, since a local `vdd` there is driven by something in the circuit.

    Args:
        circuit: the flat circuit.
        patterns: glob patterns, any case, brackets stand for themselves: `vdd*` for nets of the top cell,
            `xldo/vreg` or `*/vddi` for flat names. Given ones replace recognition. Those behind `!` name nets
            that are no rails, whatever else says so.
    """
    wanted, refused = wanted_and_refused(patterns)
    kinds, evidence = np.zeros((2, circuit.net_count), np.int8)
    guess = RailGuess(kinds=kinds, evidence=evidence)
    allowed = ~_matching(circuit, refused)
    if wanted:
        _add_wanted(guess, circuit, np.flatnonzero(_matching(circuit, wanted) & allowed))
    else:
        _add_recognised(guess, circuit, np.flatnonzero((circuit.net_instance == 0) & allowed))
    return guess


@dataclass(frozen=True, kw_only=True)
class _Supplies:
    """What supplies hang on: bulks and channels, of NMOS and PMOS, on every net."""

    bulks: NDArray[np.float64]  # [N, 2]
    widths: NDArray[np.float64]  # [N, 2] metres over sources and drains
    is_read: NDArray[np.bool_]  # [N] a gate is on it
    is_well: NDArray[np.bool_]  # [N] bulks of one polarity are tied to it, and nothing else
    feeds_gates: NDArray[np.bool_]  # [N] gates draw from it
    feeds: NDArray[np.bool_]  # [N] gates draw from it, or bulks are tied to it

    @classmethod
    def of(cls, circuit: FlatCircuit) -> _Supplies:
        bodies = Bodies.of(circuit)
        sums = NetSums.of(circuit, bodies)
        card = np.repeat(bodies.card, bodies.device_pins)
        kind, role = circuit.table.device_type[card], bodies.pin_role
        table = circuit.table
        width = (np.nan_to_num(table.width_m) * np.nan_to_num(table.multiplier, nan=1.0))[card]
        polarity = [kind == DeviceType.NMOS, kind == DeviceType.PMOS]  # in the order of the rails they tie to
        is_mos = polarity[0] | polarity[1]
        channel = role == PinRole.SOURCE_DRAIN
        bulks = np.stack([sums.over_pins(p * 1.0 * (role == PinRole.BULK)) for p in polarity], axis=1)
        feeds_gates = feeding_nets(circuit, sums)
        return cls(
            bulks=bulks,
            widths=np.stack([sums.over_pins(np.where(p & channel, width, 0.0)) for p in polarity], axis=1),
            is_read=sums.over_pins(1.0 * (is_mos & (role == PinRole.GATE))) > 0,
            is_well=(bulks.max(axis=1) > 0) & (sums.over_pins(np.ones(len(card))) == bulks.max(axis=1)),
            feeds_gates=feeds_gates,
            feeds=feeds_gates | bulks.any(axis=1),
        )

    def kind(self, net: int, otherwise: RailKind = RailKind.SUPPLY) -> RailKind:
        """Which rail a net would be: PMOS hang on supplies, NMOS on grounds, first by their bulks."""
        for nmos, pmos in (self.bulks[net], self.widths[net]):
            if nmos != pmos:
                return RailKind.GROUND if nmos > pmos else RailKind.SUPPLY
        return otherwise

    def named_kind(self, net: int, name: str) -> RailKind:
        """Which rail a net's own name makes it; of which kind a well is, its bulks know better."""
        kind = rail_kind_of_name(name)
        return self.kind(net, kind) if _WELL.fullmatch(name) and self.bulks[net].any() else kind


def _add_wanted(guess: RailGuess, circuit: FlatCircuit, nets: NDArray[np.int64]) -> None:
    supplies = _Supplies.of(circuit)
    for net, label in zip(nets.tolist(), _labels(circuit, nets), strict=True):
        guess.add(np.array([net]), supplies.named_kind(net, label) or supplies.kind(net), RailEvidence.USER)


def _add_recognised(guess: RailGuess, circuit: FlatCircuit, top: NDArray[np.int64]) -> None:
    supplies = _Supplies.of(circuit)
    labels = _labels(circuit, top)
    named = [supplies.named_kind(net, label) for net, label in zip(top.tolist(), labels, strict=True)]
    kinds = np.array(named, np.int8)
    for kind in (RailKind.GROUND, RailKind.SUPPLY):
        guess.add(top[kinds == kind], kind, RailEvidence.NAME)
    definition = circuit.definitions[circuit.instance_definition[0]]
    ports = top[circuit.net_local[top] < definition.port_count]
    directions = definition.port_direction[circuit.net_local[ports]]
    is_quiet: NDArray[np.bool_] = (supplies.feeds | supplies.widths.any(axis=1)) & ~supplies.is_read
    sourced = _sourced(circuit, guess.kinds)
    declared = {name.casefold() for name in circuit.global_nets}
    some = top if declared else np.intersect1d(top, np.append(ports, sourced))
    quiet = some[is_quiet[some]]
    own = _labels(circuit, quiet)
    is_called = [_BEGINNING.fullmatch(label) and not is_virtual_supply_name(label) for label in own]
    is_declared = np.array([label.casefold() in declared for label in own], bool)
    evident = (
        (RailEvidence.STATED, ports[directions >= PortDirection.SUPPLY]),
        (RailEvidence.BULK, ports[supplies.is_well[ports]]),
        (RailEvidence.SOURCE, sourced[supplies.feeds_gates[sourced]]),
        (RailEvidence.GLOBAL, quiet[is_declared]),
        (RailEvidence.SOURCE, quiet[np.isin(quiet, sourced) & supplies.feeds[quiet]]),
        (RailEvidence.NAME, quiet[np.isin(quiet, ports) & supplies.feeds[quiet] & np.array(is_called, bool)]),
    )
    grounded = set(ports[directions == PortDirection.GROUND].tolist())
    for evidence, nets in evident:
        for net in np.intersect1d(nets, top).tolist():
            kind = supplies.kind(net, RailKind.GROUND if net in grounded else RailKind.SUPPLY)
            guess.add(np.array([net]), kind, evidence)
    for polarity, kind in enumerate((RailKind.GROUND, RailKind.SUPPLY)):
        if (guess.kinds == kind).any():
            continue
        bulks = supplies.bulks[:, polarity]
        guess.add(ports[bulks[ports] > _MOST_BULKS * bulks.sum()], kind, RailEvidence.BULK)
        if not (guess.kinds == kind).any():
            guess.add(np.intersect1d(ports, _widest(circuit, supplies, polarity)), kind, RailEvidence.WIDTH)


def _widest(circuit: FlatCircuit, supplies: _Supplies, polarity: int) -> NDArray[np.int64]:
    """The port of the top cell that most of the width of one polarity hangs on, if there is one."""
    top = circuit.definitions[circuit.instance_definition[0]]
    ports = circuit.terminal_net[: top.port_count].astype(np.int64)
    widths = supplies.widths[:, polarity]
    rivals = np.sort(np.append(widths[ports], [0.0, 0.0]))
    if rivals[-1] <= max(_MOST_WIDTH * widths.sum() / 2, _WIDTH_LEAD * rivals[-2]):
        return ports[:0]
    widest: NDArray[np.int64] = ports[(widths[ports] == rivals[-1]) & ~supplies.is_read[ports]]
    return widest


def _sourced(circuit: FlatCircuit, kinds: NDArray[np.int8]) -> NDArray[np.int64]:
    """Nets of the top cell that a voltage source of its own sets against a ground."""
    definition = circuit.definitions[circuit.instance_definition[0]]
    table, found = circuit.table, []
    sources = np.flatnonzero(table.device_type[definition.device_card] == DeviceType.SOURCE)
    flat = circuit.terminal_net[: definition.net_count]
    for device in sources.tolist():
        start, stop = definition.pin_offset[device : device + 2]
        ends = flat[definition.pin_net[start:stop]].tolist()
        if definition.device_names[device][:1] not in "vV" or len(ends) != 2:
            continue
        grounded = [kinds[end] == RailKind.GROUND for end in ends]
        if grounded[0] != grounded[1]:
            found.append(ends[grounded.index(False)])
    return np.array(found, np.int64)


def _labels(circuit: FlatCircuit, nets: NDArray[np.integer]) -> list[str]:
    """Own names of flat nets."""
    owners, locals_ = circuit.instance_definition[circuit.net_instance[nets]], circuit.net_local[nets]
    pairs = zip(owners.tolist(), locals_.tolist(), strict=True)
    return [circuit.definitions[owner].net_labels[local] for owner, local in pairs]


def _matching(circuit: FlatCircuit, patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Flat nets that one of the patterns means, [N]: those without a path mean nets of the top cell."""
    found = np.zeros(circuit.net_count, bool)
    plain = [pattern for pattern in patterns if HIERARCHY_SEPARATOR not in pattern]
    deep = [pattern for pattern in patterns if HIERARCHY_SEPARATOR in pattern]
    for chosen, nets in (
        (plain, np.flatnonzero(circuit.net_instance == 0)),
        (deep, np.arange(circuit.net_count)),
    ):
        if chosen:
            found[nets] |= [matches(name, chosen) for name in circuit.net_names(nets.tolist())]
    return found
