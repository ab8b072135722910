"""The names under which dialects and process kits give sizes, and how the drawn sizes follow from them.

`width_m` is the drawn width of all fingers of one device, before its multiplier. Where it comes from:

- SPICE, HSPICE, BSIM3 and BSIM4 and all that is built on them: `w` is the total, `nf` only divides it (the
  BSIM4 manual computes with W/NF). So do SKY130 and GF180MCU, whose symbols print the areas of fingers of
  `w/nf` (`ad='int((nf+1)/2)*w/nf*0.29'`), and the CDL of GlobalFoundries 65 nm.
- IHP SG13G2: `w` is the total, `ng` the number of gate strips (its MOS models draw strips of `w/ng`).
- TSMC logic and `_mac` devices: `w` total, `nf` fingers, `multi` copies. TSMC RF devices (`nmos_rf`): `wr` is
  one finger, `nr` counts them (the release notes of the 0.13 um RF models list both ranges); on resistors and
  capacitors of the same kits `wr`, `lr`, `wt` and `lt` are the drawn sizes themselves.
- Cadence forms (SMIC, ams, GPDK): `w` total, `fw` or `wf` one finger, `fingers` counts; `w` goes first.
- FinFET kits: `w` where given (ASAP7 prints 27 nm per fin). Without it the convention of BSIM-CMG: `nfin`
  fins per finger, so fins x fingers x fin pitch.

Copies: `m` multiplies. xschem's SKY130 symbols print `mult` and `MF`, GF180MCU's CDL prints `par`, each with
the same number as `m`: the first of them counts, once. TSMC's `multi` is a parameter of the device's own
subcircuit and multiplies besides `m`.

Units: metres, times `.option scale`. The scale that a kit's model files set is missing where they are: SKY130
cards then give micrometres (`w=1 l=0.15`, from Magic `w=840000u`) and, on diodes, picometres (`pj=2.64e+06
area=4.347e+11`). Such numbers are recognised because no device is drawn a millimetre long. A junction's
`area` that is no area at all (`area=8`) is SPICE's relative factor and says nothing about size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from circuitgcl.schema import DeviceType

IMPLAUSIBLE_LENGTH_M = 1e-3  # no device is drawn a millimetre long: such numbers are in micrometres
IMPLAUSIBLE_AREA_M2 = 1e-6
_FINEST_UNIT_M = 1e-13
DEFAULT_FIN_PITCH_M = 48e-9  # of the 14 and 16 nm nodes
_FIN_PITCHES_M = (
    (re.compile(r"asap7|^[np]mos_(?:lvt|rvt|slvt|sram)$"), 27e-9),  # ASAP7 design rule manual
    (re.compile(r"freepdk15"), 40e-9),  # Bhanushali and Davis, ISPD 2015
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeNames:
    """Parameter names of one kind of device, in lower case; of a group the first that a card gives counts."""

    width: tuple[str, ...] = ("w", "width", "wt", "wtot", "w_total")  # all fingers together
    finger_width: tuple[str, ...] = ()
    length: tuple[str, ...] = ("l", "length", "lr", "lt")
    fingers: tuple[str, ...] = ("nf", "ng", "nr", "fingers", "nfing", "nfingers", "finger", "numfingers")
    fins: tuple[str, ...] = ()
    copies: tuple[str, ...] = ("m", "mult", "mf", "par")  # in parallel
    own_copies: tuple[str, ...] = ("multi",)  # multiplies besides `copies`
    area: tuple[str, ...] = ("area", "a")
    summed_area: tuple[str, ...] = ()  # added up; counts before `area`
    perimeter: tuple[str, ...] = ("pj", "perim", "perimeter", "peri", "p")
    summed_perimeter: tuple[str, ...] = ()
    value: tuple[str, ...] = ()  # ohm, farad or henry

    def every_name(self) -> frozenset[str]:
        """Every name, for telling sizes from parameters that no size depends on."""
        return frozenset(name for field in fields(self) for name in getattr(self, field.name))


_MOS = SizeNames(
    finger_width=("wr", "wf", "fw", "fingerwidth", "finger_width", "w_finger"),
    fins=("nfin", "nfins", "fins"),
    area=("area",),
    perimeter=("perim", "perimeter"),
    summed_area=("ad", "as"),
    summed_perimeter=("pd", "ps"),
)
_BIPOLAR = SizeNames(width=("w",), finger_width=("we",), length=("le", "l"), fingers=("nx", "nf", "ne"))
_DRAWN_WIDTH = ("w", "width", "wr", "wt", "c_width", "r_width")
_DRAWN_LENGTH = ("l", "length", "lr", "lt", "c_length", "r_length")
SIZE_NAMES: Mapping[DeviceType, SizeNames] = MappingProxyType(
    {
        DeviceType.NMOS: _MOS,
        DeviceType.PMOS: _MOS,
        DeviceType.JFET: _MOS,
        DeviceType.NPN: _BIPOLAR,
        DeviceType.PNP: _BIPOLAR,
        DeviceType.DIODE: SizeNames(),
        DeviceType.RESISTOR: SizeNames(
            width=_DRAWN_WIDTH, length=_DRAWN_LENGTH, value=("r", "res", "resistance", "rval", "value")
        ),
        DeviceType.CAPACITOR: SizeNames(
            width=_DRAWN_WIDTH,
            length=_DRAWN_LENGTH,
            fingers=("nf", "nr", "br", "nx", "fingers"),
            value=("c", "cap", "capacitance", "cval", "value"),
        ),
        DeviceType.INDUCTOR: SizeNames(
            length=("length",), fingers=("nr", "turns", "n"), value=("l", "ind", "inductance", "value")
        ),
        DeviceType.SOURCE: SizeNames(width=(), length=(), fingers=(), area=(), perimeter=()),
        DeviceType.OTHER: SizeNames(),
    }
)
ALL_SIZE_NAMES: Mapping[DeviceType, frozenset[str]] = MappingProxyType(
    {kind: names.every_name() for kind, names in SIZE_NAMES.items()}
)
_DRAWN = frozenset(SIZE_NAMES) - {DeviceType.SOURCE, DeviceType.OTHER, DeviceType.INDUCTOR}


class DrawnSizes(NamedTuple):
    """Sizes of one device in SI units; NaN where nothing tells."""

    width_m: float  # all fingers together
    length_m: float
    fingers: float
    multiplier: float  # parallel copies, fingers not counted
    area_m2: float  # drain and source together
    perimeter_m: float
    value: float  # ohm, farad or henry


NO_SIZES = DrawnSizes(math.nan, math.nan, 1.0, 1.0, math.nan, math.nan, math.nan)


def drawn_sizes(
    kind: DeviceType, given: Mapping[str, float], *, scale: float = 1.0, model: str = ""
) -> tuple[DrawnSizes, bool]:
    """Sizes of a device, and whether its card gave them in a finer unit than it said.

    Args:
        kind: what the device is.
        given: its parameters evaluated, names in lower case.
        scale: metres per drawn unit.
        model: its model, which may carry sizes in its name or decide the fin pitch.
    """
    names, named = SIZE_NAMES[kind], sizes_in_name(model)
    if not named and len(given) == 1 and (only := first_given(given, names.value)) == only:
        return NO_SIZES._replace(value=only), False  # most resistors and capacitors
    length = first_given(given, names.length)
    area = _total(given, names.summed_area, names.area)
    perimeter = _total(given, names.summed_perimeter, names.perimeter)
    unit = _unit(scale, perimeter if math.isnan(length) else length) if kind in _DRAWN else scale
    fingers = first_given(given, names.fingers, otherwise=named.get("fingers", 1.0))
    area_m2 = area * unit * unit
    sizes = DrawnSizes(
        width_m=_width_m(given, names, fingers, unit, model),
        length_m=named.get("length_m", math.nan) if math.isnan(length) else length * unit,
        fingers=max(fingers, 1.0),
        multiplier=first_given(given, names.copies, otherwise=1.0)
        * first_given(given, names.own_copies, otherwise=1.0),
        area_m2=math.nan if area_m2 >= IMPLAUSIBLE_AREA_M2 else area_m2,
        perimeter_m=perimeter * unit,
        value=first_given(given, names.value),
    )
    return sizes, unit != scale


def _unit(scale: float, length: float) -> float:
    """Metres per unit of a card, from a length on it that may be implausible."""
    unit = scale
    while length * unit >= IMPLAUSIBLE_LENGTH_M and unit > _FINEST_UNIT_M:
        unit *= 1e-6
    return unit


def first_given(given: Mapping[str, float], names: tuple[str, ...], otherwise: float = math.nan) -> float:
    """Value of the first of some names that a card gives."""
    for name in names:
        if name in given:
            return given[name]
    return otherwise


def _total(given: Mapping[str, float], summed: tuple[str, ...], single: tuple[str, ...]) -> float:
    parts = [given[name] for name in summed if name in given]
    return sum(parts) if parts else first_given(given, single)


def _width_m(given: Mapping[str, float], names: SizeNames, fingers: float, unit: float, model: str) -> float:
    """Drawn width of all fingers."""
    total = first_given(given, names.width)
    if not math.isnan(total):
        return total * unit
    one = first_given(given, names.finger_width)
    if not math.isnan(one):
        return one * max(fingers, 1.0) * unit
    fins = first_given(given, names.fins)
    if not math.isnan(fins):
        return fins * max(fingers, 1.0) * fin_pitch_m(model)
    return sizes_in_name(model).get("width_m", math.nan)


@lru_cache(maxsize=4096)
def fin_pitch_m(model: str) -> float:
    """Distance of the fins of a FinFET kit, metres."""
    folded = model.lower()
    return next((pitch for pattern, pitch in _FIN_PITCHES_M if pattern.search(folded)), DEFAULT_FIN_PITCH_M)


_NUMBER = r"\d+(?:p\d+)?"
_SIZES_IN_NAME = (
    re.compile(rf"_[a-z]{{0,2}}[fm](?P<fingers>\d\d)w(?P<w>{_NUMBER})l(?P<l>{_NUMBER})$"),
    re.compile(rf"_w(?P<w>{_NUMBER})l(?P<l>{_NUMBER})$"),  # SKY130 bipolars: emitter
    re.compile(rf"(?:cap_vpp|v?npn|v?pnp)_(?P<w>{_NUMBER})x(?P<l>{_NUMBER})(?:_|$)"),
    re.compile(rf"res_x?high_po_(?P<w>{_NUMBER})$"),
)


@lru_cache(maxsize=4096)
def sizes_in_name(model: str) -> Mapping[str, float]:
    """Sizes that a kit writes into the names of devices of fixed layout, in metres.

    `rf_nfet_01v8_aM02W1p65L0p15` has two fingers of 1.65 um by 0.15 um, `npn_10p00x10p00` a square emitter.
    The keys are `width_m` (all fingers), `length_m` and `fingers`, as far as the name tells them.
    """
    folded = model.lower()
    match = next((match for pattern in _SIZES_IN_NAME if (match := pattern.search(folded))), None)
    if match is None:
        return MappingProxyType({})
    found = {name: float(text.replace("p", ".")) for name, text in match.groupdict().items()}
    sizes = {"width_m": found["w"] * found.get("fingers", 1.0) * 1e-6}
    if "l" in found:
        sizes["length_m"] = found["l"] * 1e-6
    if "fingers" in found:
        sizes["fingers"] = found["fingers"]
    return MappingProxyType(sizes)
