"""Which schematic net each extracted node belongs to, and how much of the extraction that explains.

Tools spell one net in many ways. Names are compared as written first, then under a ladder of ever coarser
normalisations; a rung only ever joins names that are alone in their class on both sides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.records import IntArray, Parasitics
from circuitgcl.units import format_capacitance

_SEPARATORS = re.compile(r"[/.:|]")
_INSTANCE_X = re.compile(r"(^|/)x+(?=[^/]+/)")  # several, since the instance's own name may begin with X
_BUS_INDEX = re.compile(r"[\[<(](\d+)[\])>]")
_GROUND_LIKE = re.compile(r"0|[adp]?gnd[!ad]?|[adp]?vss[!ad]?", re.IGNORECASE)
_FLOATING_PREFIX = "lay?"
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class UnmatchedName:
    """A net without a partner on the other side."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """How well an extraction and a schematic fit together."""

    nets_schematic: int
    nets_extracted: int
    nets_matched_count: int  # schematic nets with at least one extracted node
    matched_by: tuple[tuple[str, int], ...]  # rung of the ladder → extracted nets it matched
    capacitance_total_farad: float  # farad, ground + coupling
    capacitance_matched_farad: float  # farad, ground of matched nodes + coupling with both ends matched
    ambiguous: tuple[UnmatchedName, ...]  # extracted nets with several possible partners
    missing: tuple[UnmatchedName, ...]  # schematic nets without an extracted node
    extra: tuple[UnmatchedName, ...]  # other extracted nets without a schematic net

    @property
    def nets_matched(self) -> float:
        """Share of schematic nets with an extracted node, 0 … 1."""
        return self.nets_matched_count / self.nets_schematic

    @property
    def capacitance_matched(self) -> float:
        """Share of the extracted capacitance that lies on matched nodes, 0 … 1 (1 when there is none)."""
        if self.capacitance_total_farad == 0:
            return 1.0
        return self.capacitance_matched_farad / self.capacitance_total_farad

    def summary(self) -> str:
        """The report in a few lines."""
        rungs = ", ".join(f"{count} {rung}" for rung, count in self.matched_by)
        lines = [
            f"nets matched: {self.nets_matched_count} of {self.nets_schematic} in the schematic "
            f"({self.nets_matched:.1%}); {self.nets_extracted} extracted; by name: {rungs}",
            f"capacitance matched: {format_capacitance(self.capacitance_matched_farad)} of "
            f"{format_capacitance(self.capacitance_total_farad)} ({self.capacitance_matched:.2%})",
        ]
        for title, names in (("ambiguous", self.ambiguous), ("missing", self.missing), ("extra", self.extra)):
            if names:
                shown = "; ".join(f"{item.name} ({item.reason})" for item in names[:_EXAMPLES])
                lines.append(f"{title}: {len(names)}, {'for example ' if names[_EXAMPLES:] else ''}{shown}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetMatch:
    """Assignment of extracted nodes to schematic nets."""

    nets: tuple[str, ...]  # schematic nets, in the order given
    node_to_net: IntArray  # [N] position in `nets`, -1 for an unmatched node
    report: MatchReport


@dataclass(frozen=True, kw_only=True)
class _Rung:
    """One normalisation: names with equal keys may be the same net."""

    label: str
    extracted_key: Callable[[str], str]
    schematic_key: Callable[[str], str]


def match_nets(parasitics: Parasitics, schematic_nets: Sequence[str], *, top: str = "") -> NetMatch:
    """Match extracted nets to flat schematic nets by name.

    The ladder: as written; case; hierarchy separators (`/ . : |`); leading X of instance names; bus indices
    (`a[0]`, `a<0>`, `a(0)`, `a_0`, backslashes dropped); global mark (`vdd!`); all of them again without
    the name of the top cell in front.

    Args:
        parasitics: any level; a pin-level node is matched through its net.
        schematic_nets: flat names, no duplicates.
        top: name of the top cell or instance that may stand before names, besides the design's name.

    Raises:
        ParasiticsError: a schematic net is listed twice, or no net is common to both sides.
    """
    nets = tuple(schematic_nets)
    ids = {name: i for i, name in enumerate(nets)}
    if len(ids) < len(nets):
        twice = next(name for i, name in enumerate(nets) if ids[name] != i)
        raise ParasiticsError(
            f"schematic net {twice} is listed twice; expected flat names without duplicates."
        )
    partner = [ids.get(name, -1) for name in parasitics.nets]
    matched_by = {"as written": sum(i >= 0 for i in partner)}
    unclear: dict[int, str] = {}
    for rung in _ladder(parasitics.nets, nets, (parasitics.design, top)):
        matched_by[rung.label] = _climb(rung, parasitics.nets, nets, partner, unclear)
    if max(partner, default=-1) < 0:
        raise _no_common_net(parasitics, nets)
    net_to_schematic = np.array(partner, dtype=np.int32)
    node_to_net = net_to_schematic[parasitics.node_net]
    report = _report(parasitics, nets, partner, unclear, matched_by, node_to_net >= 0)
    return NetMatch(nets=nets, node_to_net=node_to_net, report=report)


def _ladder(extracted: Sequence[str], schematic: Sequence[str], tops: Sequence[str]) -> Iterable[_Rung]:
    """Rungs from fine to coarse; lazily, because most extractions match as written."""
    keys: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("up to case", str.casefold),
        ("up to separators", _with_slashes),
        ("up to leading X", _without_x),
        ("up to bus notation", _with_plain_index),
        ("up to global mark", _without_mark),
    )
    for label, key in keys:
        yield _Rung(label=label, extracted_key=key, schematic_key=key)
    strip_extracted = _top_stripper(extracted, schematic, tops)
    strip_schematic = _top_stripper(schematic, extracted, tops)
    for label, key in (("without top cell", lambda name: name), *keys):

        def extracted_key(name: str, key: Callable[[str], str] = key) -> str:
            return key(strip_extracted(name))

        def schematic_key(name: str, key: Callable[[str], str] = key) -> str:
            return key(strip_schematic(name))

        joined = label if label == "without top cell" else f"without top cell, {label}"
        yield _Rung(label=joined, extracted_key=extracted_key, schematic_key=schematic_key)


def _climb(
    rung: _Rung,
    extracted: Sequence[str],
    schematic: Sequence[str],
    partner: list[int],
    unclear: dict[int, str],
) -> int:
    """Match what is left and unique under one normalisation; fill `partner` and `unclear`, count the new."""
    taken = set(partner)
    left = [i for i, mate in enumerate(partner) if mate < 0]
    if not left or len(taken - {-1}) == len(schematic):
        return 0
    choices: dict[str, list[int]] = defaultdict(list)
    for j, name in enumerate(schematic):
        if j not in taken:
            choices[rung.schematic_key(name)].append(j)
    rivals: dict[str, list[int]] = defaultdict(list)
    for i in left:
        key = rung.extracted_key(extracted[i])
        if key in choices:
            rivals[key].append(i)
    found = 0
    for key, group in rivals.items():
        if len(group) == len(choices[key]) == 1:
            partner[group[0]] = choices[key][0]
            found += 1
            continue
        names = ", ".join(schematic[j] for j in choices[key][:_EXAMPLES])
        for i in group:
            unclear.setdefault(i, f"{rung.label}, {len(group)} extracted nets could be {names}")
    return found


def _with_slashes(name: str) -> str:
    return _SEPARATORS.sub("/", name.casefold())


def _without_x(name: str) -> str:
    return _INSTANCE_X.sub(r"\1", _with_slashes(name))


def _with_plain_index(name: str) -> str:
    return _BUS_INDEX.sub(r"_\1", _without_x(name.replace("\\", "")))


def _without_mark(name: str) -> str:
    return _with_plain_index(name).rstrip("!")


def _top_stripper(own: Sequence[str], other: Sequence[str], tops: Sequence[str]) -> Callable[[str], str]:
    """Function that drops the first name component where it is the top cell.

    It is when it is called like the top cell (or X and that); also when all hierarchical names of this side
    begin with it, none of the other side does, and dropping it makes some names meet.
    """
    heads = _heads(own)
    known_tops = {bare for name in tops if name for bare in (name.casefold(), "x" + name.casefold())}
    tops_here = heads & known_tops
    if not tops_here and len(heads) == 1:
        other_heads = {head.removeprefix("x") for head in _heads(other)}
        met = {_without_mark(name) for name in other}.intersection(
            _without_mark(_without_head(name, heads)) for name in own if _SEPARATORS.search(name)
        )
        if met and other_heads.isdisjoint(head.removeprefix("x") for head in heads):
            tops_here = heads
    return lambda name: _without_head(name, tops_here)


def _without_head(name: str, heads: Collection[str]) -> str:
    """Name without its first component, if that is one of `heads` (case folded)."""
    separator = _SEPARATORS.search(name)
    if separator is None or name[: separator.start()].casefold() not in heads:
        return name
    return name[separator.end() :]


def _heads(names: Sequence[str]) -> set[str]:
    """First components of the hierarchical names, case folded."""
    cuts = ((name, _SEPARATORS.search(name)) for name in names)
    return {name[: cut.start()].casefold() for name, cut in cuts if cut and cut.start()}


def _report(
    parasitics: Parasitics,
    nets: Sequence[str],
    partner: Sequence[int],
    unclear: dict[int, str],
    matched_by: dict[str, int],
    node_matched: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> MatchReport:
    taken = set(partner) - {-1}
    folded = {name.casefold() for name in nets}
    inside = node_matched[parasitics.pair_a] & node_matched[parasitics.pair_b]
    extra = [i for i, mate in enumerate(partner) if mate < 0]
    return MatchReport(
        nets_schematic=len(nets),
        nets_extracted=len(parasitics.nets),
        nets_matched_count=len(taken),
        matched_by=tuple((rung, count) for rung, count in matched_by.items() if count),
        capacitance_total_farad=parasitics.ground_total_farad + parasitics.coupling_total_farad,
        capacitance_matched_farad=float(
            parasitics.ground_farad[node_matched].sum() + parasitics.pair_farad[inside].sum()
        ),
        ambiguous=tuple(
            UnmatchedName(name=parasitics.nets[i], reason=unclear[i]) for i in extra if i in unclear
        ),
        missing=tuple(
            UnmatchedName(name=name, reason=_reason_missing(name))
            for j, name in enumerate(nets)
            if j not in taken
        ),
        extra=tuple(
            UnmatchedName(name=parasitics.nets[i], reason=_reason_extra(parasitics.nets[i], folded))
            for i in extra
            if i not in unclear
        ),
    )


def _reason_missing(name: str) -> str:
    if _GROUND_LIKE.fullmatch(name):
        return "probably the reference node of the extraction"
    return "no extracted node of this name"


def _reason_extra(name: str, folded_schematic: set[str]) -> str:
    if name.startswith(_FLOATING_PREFIX):
        return "floating layout metal"
    if name.casefold() in folded_schematic:
        return "another spelling of a net that is matched already"
    return "no schematic net of this name"


def _no_common_net(parasitics: Parasitics, nets: Sequence[str]) -> ParasiticsError:
    extracted = ", ".join(parasitics.nets[:_EXAMPLES]) or "none"
    schematic = ", ".join(nets[:_EXAMPLES]) or "none"
    return ParasiticsError(
        f"no net is common to extraction and schematic: extracted {extracted} …, schematic {schematic} …; "
        "tried as written and up to case, separators, leading X, bus notation, global mark and top cell. "
        "Do the two files belong to one design?",
        location=SourceLocation(parasitics.source, 0),
    )
