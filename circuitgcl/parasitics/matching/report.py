"""What a match of an extraction and a schematic explains, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from circuitgcl.parasitics.records import IntArray
from circuitgcl.units import format_capacitance

_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class UnmatchedName:
    """A net or pin without a partner on the other side, or with a wrong one."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """How well an extraction and a schematic fit together."""

    nets_schematic: int
    nets_extracted: int
    nets_matched_count: int  # schematic nets with an extracted node, the reference node included
    matched_by: tuple[tuple[str, int], ...]  # rung of the ladder → nets it matched
    capacitance_total_farad: float  # farad, ground + coupling
    capacitance_matched_farad: float  # farad, ground of matched nodes + coupling with both ends matched
    ambiguous: tuple[UnmatchedName, ...]  # extracted nets with several possible partners
    missing: tuple[UnmatchedName, ...]  # schematic nets without an extracted node
    extra: tuple[UnmatchedName, ...]  # other extracted nets without a schematic net
    reference: tuple[str, ...] = ()  # schematic nets that are the reference node of the extraction
    symmetric: tuple[str, ...] = ()  # schematic nets matched up to a symmetry of the circuit only
    nets_extracted_matched: int = 0  # extracted nets with a schematic net
    nets_floating: int = 0  # of `extra`: metal that belongs to no net, names without capacitance
    nets_bare: int = 0  # of `missing`: nets between two MOSFETs of a stack, which are drawn without a wire
    devices_schematic: int = 0  # 0 when devices were not compared
    devices_extracted: int = 0
    devices_matched_count: int = 0  # extracted devices
    devices_matched_by: tuple[tuple[str, int], ...] = ()  # rung of the ladder → devices it matched
    contradictions: tuple[UnmatchedName, ...] = ()  # device pins on another net than in the schematic

    @property
    def nets_matched(self) -> float:
        """Share of schematic nets with an extracted node, 0 … 1."""
        return self.nets_matched_count / self.nets_schematic

    @property
    def nets_explained(self) -> float:
        """Share of schematic nets with an extracted node or without a wire to extract, 0 … 1."""
        return (self.nets_matched_count + self.nets_bare) / self.nets_schematic

    @property
    def extracted_matched(self) -> float:
        """Share of extracted nets, floating metal aside, with a schematic net, 0 … 1 (1 if there is none)."""
        own = self.nets_extracted - self.nets_floating
        return self.nets_extracted_matched / own if own else 1.0

    @property
    def devices_matched(self) -> float:
        """Share of extracted devices with a schematic device, 0 … 1 (1 when there is none)."""
        return self.devices_matched_count / self.devices_extracted if self.devices_extracted else 1.0

    @property
    def capacitance_matched(self) -> float:
        """Share of the extracted capacitance that lies on matched nodes, 0 … 1 (1 when there is none)."""
        if self.capacitance_total_farad == 0:
            return 1.0
        return self.capacitance_matched_farad / self.capacitance_total_farad

    def summary(self) -> str:
        """The report in a few lines."""
        lines = [
            f"nets matched: {self.nets_matched_count} of {self.nets_schematic} in the schematic "
            f"({self.nets_matched:.1%}); {self.nets_extracted} extracted; by rung: {_rungs(self.matched_by)}",
            f"capacitance matched: {format_capacitance(self.capacitance_matched_farad)} of "
            f"{format_capacitance(self.capacitance_total_farad)} ({self.capacitance_matched:.2%})",
        ]
        if self.devices_extracted:
            lines.append(
                f"devices matched: {self.devices_matched_count} of {self.devices_extracted} extracted "
                f"({self.devices_matched:.1%}); {self.devices_schematic} in the schematic; "
                f"by rung: {_rungs(self.devices_matched_by)}"
            )
        for title, names in (
            ("ambiguous", self.ambiguous),
            ("missing", self.missing),
            ("extra", self.extra),
            ("contradictions", self.contradictions),
        ):
            if names:
                shown = (f"{item.name} ({item.reason})" for item in names[:_EXAMPLES])
                lines.append(_listed(title, len(names), shown))
        if self.symmetric:
            lines.append(_listed("up to symmetry", len(self.symmetric), self.symmetric[:_EXAMPLES]))
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetMatch:
    """Assignment of extracted nodes to schematic nets."""

    nets: tuple[str, ...]  # schematic nets, in the order given
    node_to_net: IntArray  # [N] position in `nets`, -1 for an unmatched node
    report: MatchReport


def _rungs(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {rung}" for rung, count in counts)


def _listed(title: str, count: int, shown: Iterable[str]) -> str:
    return f"{title}: {count}, {'for example ' if count > _EXAMPLES else ''}{'; '.join(shown)}"
