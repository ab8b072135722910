"""Checks of designs against each other: units, capacitance counted in two places, duplicates."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from circuitgcl.data.building import circuit_fingerprint
from circuitgcl.data.design_checks import place_of, wired_nets
from circuitgcl.data.designs import Design
from circuitgcl.data.findings import Finding, FindingKind
from circuitgcl.errors import SourceLocation

MIN_NETS = 5  # labelled nets, from which on their median is steady
SLIP_DECADES = 1.5  # between a design and the others of its technology; cells of one differ by less than one
SLIP_DECADES_FEW_NETS = 2.3
PLAUSIBLE_DECADES = (-17.5, -13.5)  # log10 of farad per device pin, over wires of all common technologies
MIN_PEERS_BELOW = 0.2  # of the nets of other designs that have more coupling than ground capacitance
EXACT_SHARE = 0.02  # of the nets whose ground capacitance is their coupling to the percent
ROUNDING = 0.99  # of sums in files of few digits


@dataclass(frozen=True, kw_only=True)
class DesignFacts:
    """What a design shows to the others."""

    name: str
    family: str
    technology: str
    place: SourceLocation
    nets: int  # labelled and wired ones with capacitance
    pin_decades: float  # median over nets of log10(total farad per device pin); NaN without such nets
    coupled_nets: int
    share_below: float  # of the coupled nets with less ground capacitance than coupling
    share_exact: float  # of the coupled nets with as much
    circuit: str  # fingerprint of the schematic
    labels: str  # fingerprint of the capacitances, whatever the nets are called; empty when there are none

    @classmethod
    def of(cls, design: Design) -> DesignFacts:
        """Facts of a labelled design."""
        graph, labels = design.graph, design.labels
        assert labels is not None
        nets = graph.circuit.net_count
        coupling = np.bincount(
            labels.pair.T.ravel(), weights=np.tile(labels.coupling_farad, 2), minlength=nets
        )
        total = np.nan_to_num(labels.load_farad) + coupling
        pins = np.bincount(graph.circuit.pin_net, minlength=nets)
        sized = np.isfinite(labels.load_farad) & (total > 0) & wired_nets(graph.circuit)
        decades = np.log10(total[sized] / pins[sized])
        kept = np.nan_to_num(labels.load_farad - labels.ground_farad) + coupling
        coupled = np.isfinite(labels.load_farad) & (kept > 0)
        ratio = labels.ground_farad[coupled] / kept[coupled]
        content = b"".join(np.sort(part).tobytes() for part in (labels.coupling_farad, total[sized]))
        return cls(
            name=design.files.name,
            family=design.files.family,
            technology=design.files.technology,
            place=place_of(design),
            nets=int(sized.sum()),
            pin_decades=float(np.median(decades)) if sized.any() else np.nan,
            coupled_nets=len(ratio),
            share_below=float((ratio < ROUNDING).mean()) if len(ratio) else 1.0,
            share_exact=float(((ratio >= ROUNDING) & (ratio < 2 - ROUNDING)).mean()) if len(ratio) else 0.0,
            circuit=circuit_fingerprint(design),
            labels=hashlib.sha256(content).hexdigest() if len(labels.pair) > 1 else "",
        )


def check_together(designs: Sequence[DesignFacts]) -> Iterator[Finding]:
    """What is wrong with designs in the light of the others."""
    by_technology: defaultdict[str, list[DesignFacts]] = defaultdict(list)
    for facts in designs:
        by_technology[facts.technology].append(facts)
    for technology, members in by_technology.items():
        for facts in members:
            others = [other for other in members if other is not facts] if technology else []
            yield from _unit_slip(facts, others)
            yield from _kept_in_ground(facts, others)
    yield from _duplicates(designs)


def _unit_slip(facts: DesignFacts, others: Sequence[DesignFacts]) -> Iterator[Finding]:
    if not facts.nets:
        return
    low, high = PLAUSIBLE_DECADES
    is_plausible = low <= facts.pin_decades <= high
    known = [other.pin_decades for other in others if other.nets >= MIN_NETS]
    usual = _nearest_median(known, facts.pin_decades)
    limit = SLIP_DECADES if facts.nets >= MIN_NETS else SLIP_DECADES_FEW_NETS
    if known and low <= usual <= high:
        off = facts.pin_decades - usual
        if abs(off) < limit:
            return
        reference = f"the other {facts.technology} designs have {_per_pin(usual)}"
    elif is_plausible:
        return
    else:
        off = facts.pin_decades - (low + high) / 2
        reference = f"wires have between {_per_pin(low)} and {_per_pin(high)}"
    thousands = 3 * max(1, round(abs(off) / 3))
    direction = "large" if off > 0 else "small"
    yield Finding(
        kind=FindingKind.UNIT_SLIP,
        design=facts.name,
        message=f"nets have {_per_pin(facts.pin_decades)}, {reference}: "
        f"about 10^{thousands} too {direction}; check the unit of the extraction",
        location=facts.place,
    )


def _nearest_median(values: Sequence[float], own: float) -> float:
    """Median; of an even number the one of the two middle values that is nearer to `own`, NaN of none.

    So nobody is off because of one other that is.
    """
    if not values:
        return np.nan
    ordered = sorted(values)
    middle = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return min(middle, key=lambda value: abs(value - own))


def _per_pin(decades: float) -> str:
    return f"{10 ** (decades + 15):.3g} fF per device pin"


def _kept_in_ground(facts: DesignFacts, others: Sequence[DesignFacts]) -> Iterator[Finding]:
    """Coupling that was added to the ground capacitance of both nets and kept."""
    if facts.coupled_nets < MIN_NETS or facts.share_below > 0:
        return
    counts = np.array([other.coupled_nets for other in others], np.float64)
    below = (
        float(np.dot(counts, [other.share_below for other in others]) / counts.sum()) if counts.sum() else 0
    )
    if below < MIN_PEERS_BELOW and facts.share_exact < EXACT_SHARE:
        return
    compared = f"; in the other {facts.technology} designs {below:.0%} have less" if below else ""
    yield Finding(
        kind=FindingKind.DOUBLE_COUNTING,
        design=facts.name,
        message=f"each of {facts.coupled_nets} nets has at least as much capacitance to ground as to all "
        f"other nets together{compared}: coupling was added to ground and kept; extract one or the other",
        location=facts.place,
    )


def _duplicates(designs: Sequence[DesignFacts]) -> Iterator[Finding]:
    """Designs with one circuit in several families, and designs with the same capacitances."""
    by_labels: defaultdict[str, list[DesignFacts]] = defaultdict(list)
    by_circuit: defaultdict[str, list[DesignFacts]] = defaultdict(list)
    for facts in designs:
        by_circuit[facts.circuit].append(facts)
        if facts.labels:
            by_labels[facts.labels].append(facts)
    same_labels = [group for group in by_labels.values() if len(group) > 1]
    for group in same_labels:
        families = sorted({facts.family for facts in group})
        leak = f" of {len(families)} families ({', '.join(families)})" if len(families) > 1 else ""
        yield _duplicate(
            FindingKind.DUPLICATE_EXTRACTION,
            group,
            f"{_listed(group)}{leak} have the same capacitances to the last digit; keep one",
        )
    told = [{facts.name for facts in group} for group in same_labels]
    for group in by_circuit.values():
        owners = {(facts.technology, facts.family) for facts in group}
        if len(owners) < 2 or any({facts.name for facts in group} <= names for names in told):
            continue
        yield _duplicate(
            FindingKind.DUPLICATE_CIRCUIT,
            group,
            f"{_listed(group)} are one circuit in {len(owners)} families; a split by family may put it on "
            "both sides. Give them one family",
        )


def _duplicate(kind: FindingKind, group: Sequence[DesignFacts], message: str) -> Finding:
    return Finding(kind=kind, design=group[0].name, message=message, location=group[0].place)


def _listed(group: Sequence[DesignFacts], most: int = 6) -> str:
    names = [facts.name for facts in group]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
