"""Which schematic net each extracted node belongs to, and how much of the extraction that explains.

    explicit map → names → device pins → topology → reference node

Every stage only joins what the stages before left over, and only where it is alone with its evidence on both
sides; what stays open is reported with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.matching.device_graph import graph_of_circuit
from circuitgcl.parasitics.matching.device_pins import DevicePins, device_pins, match_devices
from circuitgcl.parasitics.matching.layout_topology import BY_TOPOLOGY, join_by_topology
from circuitgcl.parasitics.matching.name_ladder import EXAMPLES, Joined, climb, coarsest, rungs
from circuitgcl.parasitics.matching.name_maps import NameMap
from circuitgcl.parasitics.matching.pin_votes import (
    BY_PINS,
    contradictions,
    is_trusted,
    join_by_pins,
    pin_evidence,
)
from circuitgcl.parasitics.matching.report import MatchReport, NetMatch, UnmatchedName
from circuitgcl.parasitics.records import Parasitics

__all__ = ["MatchReport", "NetMatch", "UnmatchedName", "match_circuit", "match_nets"]

Layout = FlatCircuit | Callable[[], FlatCircuit | None] | None

_AS_REFERENCE = "as reference node"
_GROUND_LIKE = re.compile(r"0|[adp]?(?:gnd|vss)[ad]?!?|vnb|v?sub|substrate", re.IGNORECASE)
_FLOATING_PREFIXES = ("lay?", "?")
_ANONYMOUS = re.compile(r"(?:.*[/.:|])?[a-z]\w*_n?\d+_n?\d+#+", re.IGNORECASE)  # named after its place


def match_nets(
    parasitics: Parasitics, schematic_nets: Sequence[str], *, top: str = "", name_map: NameMap | None = None
) -> NetMatch:
    """Match extracted nets to flat schematic nets by name.

    The ladder: as written; case; escapes (backslashes); hierarchy separators (`/ . : |`); leading X of
    instance names; bus indices (`a[0]`, `a<0>`, `a(0)`, `a_0`); global mark (`vdd!`); mark of anonymous
    nets (`a_172_68#`); underscores for separators; all of them again without the name of the top cell in
    front.

    Args:
        parasitics: any level; a pin-level node is matched through its net.
        schematic_nets: flat names, no duplicates.
        top: name of the top cell or instance that may stand before names, besides the design's name.
        name_map: names that are known to belong together; they come before the ladder.

    Raises:
        ParasiticsError: a schematic net is listed twice, a name of the map is unknown, or no net is common
            to both sides.
    """
    matching = _Matching.begin(parasitics, schematic_nets, top, name_map)
    matching.find_reference()
    return matching.finish()


def match_circuit(
    parasitics: Parasitics,
    circuit: FlatCircuit,
    *,
    top: str = "",
    name_map: NameMap | None = None,
    layout: Layout = None,
) -> NetMatch:
    """Match extracted nets to the nets of a circuit: by name, by the devices on them, and by topology.

    Args:
        parasitics: any level.
        circuit: the schematic.
        top: as for `match_nets`; the circuit's own name is tried anyway.
        name_map: as for `match_nets`.
        layout: the extracted devices, as a circuit or a function that reads one, with nets called as in
            `parasitics`. Only asked for where names and pins leave something over; without it, devices
            whose pins the extraction places (`nfet@12,40:G` of a Magic extraction) serve.

    Raises:
        ParasiticsError: as for `match_nets`.
    """
    matching = _Matching.begin(parasitics, circuit.net_names(), top or circuit.name, name_map)
    matching.use_devices(circuit)
    matching.find_reference()
    if matching.is_open:
        matching.use_topology(circuit, layout() if callable(layout) else layout)
    elif matching.has_open_devices:
        matching.use_topology(circuit, None)
    return matching.finish()


@dataclass(kw_only=True)
class _Matching:
    """What is known while the stages go by."""

    parasitics: Parasitics
    nets: tuple[str, ...]
    tops: tuple[str, ...]
    joined: Joined
    tried: list[str]
    bare: NDArray[np.bool_]  # [nets] drawn without a wire
    pins: DevicePins | None = None
    devices_schematic: int = 0
    reference: list[int] = field(default_factory=list)  # schematic nets
    symmetric: tuple[int, ...] = ()  # schematic nets
    devices_extracted: int = 0
    devices_matched_by: tuple[tuple[str, int], ...] = ()
    wrong_pins: tuple[UnmatchedName, ...] = ()

    @classmethod
    def begin(
        cls, parasitics: Parasitics, schematic_nets: Sequence[str], top: str, name_map: NameMap | None
    ) -> _Matching:
        """Map and names."""
        nets = tuple(schematic_nets)
        if len(set(nets)) < len(nets):
            twice = next(name for name, count in Counter(nets).items() if count > 1)
            raise ParasiticsError(
                f"schematic net {twice} is listed twice; expected flat names without duplicates."
            )
        joined = Joined(partner=np.full(len(parasitics.nets), -1, np.int32))
        if name_map is not None:
            joined.pair(*name_map.positions(parasitics.nets, nets), "by map")
        tops = parasitics.design, top
        climb(joined, parasitics.nets, nets, tops)
        tried = ["by map"] * (name_map is not None) + list(rungs())
        return cls(
            parasitics=parasitics,
            nets=nets,
            tops=tops,
            joined=joined,
            tried=tried,
            bare=np.zeros(len(nets), bool),
        )

    @property
    def is_open(self) -> bool:
        """Whether both sides have nets left over; floating metal is nobody's."""
        left = np.flatnonzero(self.joined.partner < 0).tolist()
        has_extracted = any(not self.parasitics.nets[i].startswith(_FLOATING_PREFIXES) for i in left)
        return has_extracted and not self._taken().all()

    @property
    def has_open_devices(self) -> bool:
        """Whether the extraction places devices that no name joins, as Magic's do."""
        return not self.devices_matched_by and self.pins is not None and any(self.pins.models)

    def use_devices(self, circuit: FlatCircuit) -> None:
        """Join devices by name, and nets by the pins on them."""
        schematic = graph_of_circuit(circuit, lambda device_type, _: int(device_type))
        ports = circuit.definitions[circuit.instance_definition[0]].port_count
        is_port = (circuit.net_instance == 0) & (circuit.net_local < ports)
        self.bare = schematic.folded().bare_nets() & ~is_port
        self.devices_schematic = schematic.device_count
        if not self.parasitics.pin_names:
            return
        self.tried.append(BY_PINS)
        self.pins = device_pins(self.parasitics)
        devices = match_devices(self.pins.names, circuit.device_names(), self.tops)
        self.devices_extracted = len(self.pins.names)
        evidence = pin_evidence(self.pins, devices.partner, circuit)
        if not is_trusted(self.joined, evidence, self.pins):
            return
        self.devices_matched_by = tuple((rung, count) for rung, count in devices.counts.items() if count)
        join_by_pins(self.joined, evidence, len(self.nets))
        wrong = contradictions(self.joined, evidence, self.pins, self.parasitics.nets, circuit)
        self.wrong_pins = tuple(wrong)

    def find_reference(self) -> None:
        """Schematic nets that the extraction merged into its reference node, told by their names.

        The file may say what it calls that node; else it is the one ground that is left over.
        """
        if not self.parasitics.ground_farad.any():
            return
        taken = self._taken()
        left = [i for i in range(len(self.nets)) if not taken[i] and _is_top_level(self.nets[i])]
        said = set(coarsest(self.parasitics.reference_names))
        keys = coarsest([self.nets[i] for i in left])
        by_file = [i for i, key in zip(left, keys, strict=True) if key in said]
        grounds = [i for i in left if _GROUND_LIKE.fullmatch(self.nets[i])]
        self.reference = by_file or (grounds if len(grounds) == 1 else [])

    def use_topology(self, circuit: FlatCircuit, layout: FlatCircuit | None) -> None:
        """Join nets by the shape of the circuit."""
        self.tried.append(BY_TOPOLOGY)
        found = join_by_topology(
            self.joined,
            self.parasitics,
            circuit,
            layout=layout,
            pins=self.pins,
            reference=self.reference[0] if self.reference else None,
        )
        self.symmetric = found.symmetric
        drawn = set(self.joined.partner.tolist())
        self.reference = [net for net in self.reference if net not in drawn]
        if found.devices_matched:
            self.devices_extracted = found.devices_extracted
            self.devices_matched_by = ((BY_TOPOLOGY, found.devices_matched),)

    def finish(self) -> NetMatch:
        """The match and its report."""
        partner = self.joined.partner
        if not (partner >= 0).any():
            raise self._no_common_net()
        node_to_net = partner[self.parasitics.node_net]
        return NetMatch(nets=self.nets, node_to_net=node_to_net, report=self._report(node_to_net >= 0))

    def _taken(self) -> NDArray[np.bool_]:
        """Schematic nets that have a partner, [nets]."""
        taken = np.zeros(len(self.nets), bool)
        taken[self.joined.partner[self.joined.partner >= 0]] = True
        taken[self.reference] = True
        return taken

    def _report(self, node_matched: NDArray[np.bool_]) -> MatchReport:
        found, joined = self.parasitics, self.joined
        taken = self._taken()
        missing = np.flatnonzero(~taken).tolist()
        left = np.flatnonzero(joined.partner < 0).tolist()
        unclear = [i for i in left if i in joined.doubts]
        extra = [i for i in left if i not in joined.doubts]
        inside = node_matched[found.pair_a] & node_matched[found.pair_b]
        folded = {name.casefold() for name in self.nets} if extra else set()
        is_empty = _without_capacitance(found)
        counts = {**joined.counts, _AS_REFERENCE: len(self.reference)}
        return MatchReport(
            nets_schematic=len(self.nets),
            nets_extracted=len(found.nets),
            nets_matched_count=int(taken.sum()),
            matched_by=tuple((rung, count) for rung, count in counts.items() if count),
            capacitance_total_farad=found.ground_total_farad + found.coupling_total_farad,
            capacitance_matched_farad=float(
                found.ground_farad[node_matched].sum() + found.pair_farad[inside].sum()
            ),
            ambiguous=tuple(
                UnmatchedName(name=found.nets[i], reason=joined.doubts[i].reason(self.nets)) for i in unclear
            ),
            missing=tuple(
                UnmatchedName(name=self.nets[i], reason=self._reason_missing(i, bool(left))) for i in missing
            ),
            extra=tuple(
                UnmatchedName(
                    name=found.nets[i],
                    reason=_reason_extra(found.nets[i], folded, is_empty=bool(is_empty[i])),
                )
                for i in extra
            ),
            reference=tuple(self.nets[i] for i in self.reference),
            symmetric=tuple(self.nets[i] for i in self.symmetric),
            nets_extracted_matched=len(found.nets) - len(left),
            nets_floating=sum(is_empty[i] or found.nets[i].startswith(_FLOATING_PREFIXES) for i in extra),
            nets_bare=int(self.bare[missing].sum()),
            devices_schematic=self.devices_schematic,
            devices_extracted=self.devices_extracted,
            devices_matched_count=sum(count for _, count in self.devices_matched_by),
            devices_matched_by=self.devices_matched_by,
            contradictions=self.wrong_pins,
        )

    def _reason_missing(self, net: int, any_left: bool) -> str:
        if _GROUND_LIKE.fullmatch(self.nets[net]):
            return "perhaps the reference node of the extraction"
        if self.bare[net]:
            return "joins transistors of a stack and has no wire to extract"
        if not any_left:
            return "no extracted node of this name, and none left over: nothing was extracted on it"
        return "no extracted node of this name"

    def _no_common_net(self) -> ParasiticsError:
        doubts = len(self.joined.doubts)
        unclear = f" ({doubts} of them ambiguous)" if doubts else ""
        return ParasiticsError(
            f"no net is common to extraction and schematic: {len(self.parasitics.nets)} extracted{unclear}: "
            f"{_examples(self.parasitics.nets)}, {len(self.nets)} in the schematic: {_examples(self.nets)}; "
            f"tried {', '.join(self.tried)}. Do the two files belong to one design? "
            "If so, say with --map FILE which net is which.",
            location=SourceLocation(self.parasitics.source, 0),
        )


def _examples(names: Sequence[str]) -> str:
    """The first few names."""
    return (", ".join(names[:EXAMPLES]) or "none") + (" …" if len(names) > EXAMPLES else "")


def _is_top_level(name: str) -> bool:
    return "/" not in name


def _without_capacitance(found: Parasitics) -> NDArray[np.bool_]:
    """Extracted nets that carry no capacitance, [T]."""
    nodes = found.node_net
    carried = np.bincount(nodes, weights=np.abs(found.ground_farad), minlength=len(found.nets))
    for end in (found.pair_a, found.pair_b):
        carried += np.bincount(nodes[end], weights=np.abs(found.pair_farad), minlength=len(found.nets))
    empty: NDArray[np.bool_] = carried == 0
    return empty


def _reason_extra(name: str, folded_schematic: set[str], *, is_empty: bool) -> str:
    if name.startswith(_FLOATING_PREFIXES):
        return "floating layout metal"
    if name.casefold() in folded_schematic:
        return "another spelling of a net that is matched already"
    if is_empty:
        return "no schematic net of this name, and no capacitance on it"
    if _ANONYMOUS.fullmatch(name):
        return "no schematic net of this name, which the extractor made up from its place"
    return "no schematic net of this name"
