"""Differences between two views of a circuit, each with what explains it where something does."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from netlist_peers.views import Device

_COMPARED = "mqdjzrclvix"  # elements whose model, nets and sizes are compared
_OTHERS = "befghaksotuwnpy"
_TOLERANCE = 1e-6
_KLAYOUT_DEFAULT_SIZE = 100.0  # micrometres, SPICE's DEFW and DEFL


class Kind(StrEnum):
    """What a difference is; everything but the first has a reason that is no mistake of our reader."""

    DIFFERENCE = "difference"
    MICROMETRES = "lengths without unit taken as micrometres"
    UNDEFINED = "an expression of undefined parameters"
    DERIVED = "a size told from other words of the card, such as fins or the model's name"
    DOLLAR = "what follows a $ is a comment to ngspice"
    REWRITTEN = "not a device of a layout, or written anew by ngspice"
    TITLE = "the first line is a title to ngspice"
    WHOLE = "a device cell kept whole"
    BRACES = "a name in braces is an expression to ngspice"
    GROUND = "gnd is ground in every cell to ngspice"
    GLOBAL_PORT = "a port named like a global net is that net to ngspice"
    THIRD_TERMINAL = "a third terminal, whose node ngspice does not expand"
    NOT_FLATTENED = "no device to KLayout's reader"
    DEFAULT_SIZE = "KLayout's default where the card gives none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference."""

    kind: Kind
    device: str
    detail: str


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What came of comparing one circuit."""

    ours: Counter[str] = field(default_factory=Counter)  # devices by letter
    theirs: Counter[str] = field(default_factory=Counter)
    compared: int = 0  # devices that both know
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, device: str, detail: str) -> None:
        """Note one difference."""
        self.findings.append(Finding(kind=kind, device=device, detail=detail))

    def sort(self) -> None:
        """Put what nothing explains first."""
        self.findings.sort(key=lambda finding: (finding.kind is not Kind.DIFFERENCE, finding.device))

    @property
    def kinds(self) -> Counter[str]:
        """Number of findings of each kind."""
        return Counter(finding.kind.value for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class NgspiceRules:
    """What is known about one deck that explains a difference."""

    scale: float = 1.0  # metres per drawn unit
    title_device: str = ""  # the first word of the first line, which ngspice never reads as a card
    globals: frozenset[str] = frozenset()
    has_dollar_data: bool = False  # CDL's `$[model]` and `$SUB=`


def compare_with_ngspice(
    ours: Mapping[str, Device], theirs: Mapping[str, Device], rules: NgspiceRules
) -> Comparison:
    """Compare device by device: names, model, nets in order, W, L, m, nf and R, C, L values.

    Args:
        ours: our devices by flat name.
        theirs: ngspice's.
        rules: what explains differences in this deck.
    """
    theirs, whole = _without_device_cells(ours, theirs)
    result = Comparison(
        ours=Counter(device.letter for device in ours.values()),
        theirs=Counter(device.letter for device in theirs.values()),
    )
    for name in whole:
        result.add(Kind.WHOLE, name, "its subcircuit is expanded by ngspice")
    for name in ours.keys() - theirs.keys() - whole:
        result.add(_kind_of_ours(ours[name], theirs, rules), name, f"only ours: {_shown(ours[name])}")
    for name in theirs.keys() - ours.keys():
        kind = Kind.REWRITTEN if _is_rewritten(theirs[name]) else Kind.DIFFERENCE
        result.add(kind, name, f"only in ngspice: {_shown(theirs[name])}")
    for name in ours.keys() & theirs.keys():
        result.compared += 1
        if ours[name].letter in _COMPARED:
            _compare_device(result, ours[name], theirs[name], rules)
    result.sort()
    return result


def _shown(device: Device) -> str:
    return f"{' '.join(device.nets)} {device.model}".strip()


def _kind_of_ours(device: Device, theirs: Mapping[str, Device], rules: NgspiceRules) -> Kind:
    """Why ngspice may lack one of our devices."""
    path, dot, local = device.name.rpartition(".")
    if device.letter in _OTHERS or (device.letter in "rcl" and f"{path}{dot}b{local}" in theirs):
        return Kind.REWRITTEN
    return Kind.TITLE if device.name == rules.title_device else Kind.DIFFERENCE


def _is_rewritten(device: Device) -> bool:
    """Whether ngspice made up a device, such as the parts of a behavioural capacitor."""
    return device.letter in _OTHERS or any(net.endswith(("_int1", "_int2")) for net in device.nets)


def _without_device_cells(
    ours: Mapping[str, Device], theirs: Mapping[str, Device]
) -> tuple[dict[str, Device], set[str]]:
    """Their devices without the insides of cells that we keep whole, and the names of those cells.

    A cell with a single transistor inside becomes that transistor under the name of the instance.
    """
    cells = {name for name, device in ours.items() if device.letter == "x" and name not in theirs}
    inside: dict[str, list[Device]] = defaultdict(list)
    rest: dict[str, Device] = {}
    for name, device in theirs.items():
        owner = next((cell for cell in _ancestors(name) if cell in cells), "")
        if owner:
            inside[owner].append(device)
        else:
            rest[name] = device
    whole = set()
    for owner, devices in inside.items():
        if len(devices) == 1 and devices[0].letter == "m":
            rest[owner] = replace(devices[0], name=owner, letter="x", model=ours[owner].model)
        else:
            whole.add(owner)
    return rest, whole


def _ancestors(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _compare_device(result: Comparison, ours: Device, theirs: Device, rules: NgspiceRules) -> None:
    if _model_word(ours.model) != _model_word(theirs.model):
        kind = Kind.BRACES if theirs.model.startswith("numparm__") else Kind.DIFFERENCE
        if rules.has_dollar_data and not theirs.model:
            kind = Kind.DOLLAR
        result.add(kind, ours.name, f"model {ours.model!r}, ngspice {theirs.model!r}")
    if len(ours.nets) == len(theirs.nets):
        _compare_nets(result, ours, theirs, rules)
    else:
        is_shortened = rules.has_dollar_data and ours.nets[: len(theirs.nets)] == theirs.nets
        kind = Kind.DOLLAR if is_shortened else Kind.DIFFERENCE  # `$SUB=` names another terminal
        result.add(kind, ours.name, f"nets {' '.join(ours.nets)}, ngspice {' '.join(theirs.nets)}")
    _compare_sizes(result, ours, theirs, rules)


def _model_word(model: str) -> str:
    """A model's name without the instance path of a local one, and without the number of a size bin."""
    return re.split(r"[.:]", re.sub(r"\.\d+$", "", model))[-1]


def _compare_nets(result: Comparison, ours: Device, theirs: Device, rules: NgspiceRules) -> None:
    for place, (mine, other) in enumerate(zip(ours.nets, theirs.nets, strict=True)):
        if mine == other or (mine == "gnd" and other == "0"):
            continue
        if place > 1 and ours.letter in "rcld":
            kind = Kind.THIRD_TERMINAL
        elif other == "0" and mine.rpartition(".")[2] == "gnd":
            kind = Kind.GROUND
        elif other.startswith("numparm__"):
            kind = Kind.BRACES
        else:
            kind = Kind.GLOBAL_PORT if other in rules.globals else Kind.DIFFERENCE
        result.add(kind, ours.name, f"pin {place} on {mine}, ngspice {other}")


def _compare_sizes(result: Comparison, ours: Device, theirs: Device, rules: NgspiceRules) -> None:
    for name, unit in (("w", rules.scale), ("l", rules.scale), ("value", 1.0), ("m", 1.0), ("nf", 1.0)):
        mine, other = ours.sizes.get(name, math.nan), theirs.sizes.get(name, math.nan) * unit
        if math.isnan(other) and (math.isnan(mine) or name in ("nf", "m")):
            continue
        if (name == "l" and ours.letter == "l") or _equal(mine, other):
            continue
        if math.isnan(other) and name in theirs.sizes:
            kind = Kind.UNDEFINED
        elif name in ("w", "l") and _equal(mine, other * 1e-6):
            kind = Kind.MICROMETRES
        elif rules.has_dollar_data:
            kind = Kind.DOLLAR
        else:
            kind = Kind.DERIVED if math.isnan(other) and name in ("w", "l") else Kind.DIFFERENCE
        result.add(kind, ours.name, f"{name} {mine:.6g}, ngspice {other:.6g}")


def _equal(mine: float, other: float) -> bool:
    return math.isclose(mine, other, rel_tol=_TOLERANCE, abs_tol=1e-30)


def compare_with_klayout(ours: Iterable[Device], theirs: Iterable[Device]) -> Comparison:
    """Compare which devices exist and which of their terminals share nets, whatever the nets are called."""
    known = {(device.letter, device.name): device for device in theirs}
    mine = {(device.letter, _klayout_name(device)): device for device in ours}
    result = Comparison(
        ours=Counter(letter for letter, _ in mine), theirs=Counter(letter for letter, _ in known)
    )
    for letter, name in mine.keys() - known.keys():
        kind = Kind.DIFFERENCE if letter in "mqdrcl" else Kind.NOT_FLATTENED
        result.add(kind, name, f"only ours: {_shown(mine[letter, name])}")
    for letter, name in known.keys() - mine.keys():
        result.add(Kind.DIFFERENCE, name, f"only in KLayout: {letter} {_shown(known[letter, name])}")
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for key in sorted(mine.keys() & known.keys()):
        result.compared += 1
        device, other = mine[key], known[key]
        for place, (net, name) in enumerate(zip(device.nets, other.nets, strict=False)):
            its = "0" if name == "gnd" else name  # one net to SPICE, two to KLayout
            if there.setdefault(net, its) != its or back.setdefault(its, net) != net:
                detail = f"pin {place} on {net}, KLayout {its}; before: {there[net]} and {back.get(its)}"
                result.add(Kind.DIFFERENCE, device.name, detail)
        _compare_klayout_sizes(result, device, other)
    result.sort()
    return result


def _klayout_name(device: Device) -> str:
    """Name without element letters and escapes, as KLayout gives it."""
    return ".".join(part[1:] for part in device.path).replace("\\", "")


def _compare_klayout_sizes(result: Comparison, ours: Device, theirs: Device) -> None:
    """Compare W, L and values; KLayout counts copies into W and into values."""
    copies = ours.sizes.get("m", 1.0)
    into_value = 1.0 / copies if ours.letter == "r" else copies
    for name, factor in (("w", 1e6 * copies), ("l", 1e6), ("value", into_value)):
        mine, other = ours.sizes.get(name, math.nan) * factor, theirs.sizes.get(name, math.nan)
        if math.isnan(mine) or math.isnan(other) or math.isclose(mine, other, rel_tol=1e-5):
            continue
        kind = Kind.DIFFERENCE
        if name in ("w", "l") and math.isclose(mine * 1e6, other, rel_tol=1e-5):
            kind = Kind.MICROMETRES
        elif name in ("w", "l") and math.isclose(other, _KLAYOUT_DEFAULT_SIZE):
            kind = Kind.DEFAULT_SIZE
        result.add(kind, ours.name, f"{name} {mine:.6g}, KLayout {other:.6g}")
