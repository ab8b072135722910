"""What a primitive device is, told from its card letter, its model card, or the model's name."""

from __future__ import annotations

import re
from functools import lru_cache

from circuitgcl.schema import DeviceType

MODEL_TYPES: dict[str, DeviceType] = {
    "nmos": DeviceType.NMOS,
    "pmos": DeviceType.PMOS,
    "npn": DeviceType.NPN,
    "pnp": DeviceType.PNP,
    "lpnp": DeviceType.PNP,
    "d": DeviceType.DIODE,
    "r": DeviceType.RESISTOR,
    "res": DeviceType.RESISTOR,
    "c": DeviceType.CAPACITOR,
    "cap": DeviceType.CAPACITOR,
    "l": DeviceType.INDUCTOR,
    "njf": DeviceType.JFET,
    "pjf": DeviceType.JFET,
    "nmf": DeviceType.JFET,
    "pmf": DeviceType.JFET,
}

LETTER_TYPES: dict[str, DeviceType] = {
    "r": DeviceType.RESISTOR,
    "c": DeviceType.CAPACITOR,
    "l": DeviceType.INDUCTOR,
    "d": DeviceType.DIODE,
    "j": DeviceType.JFET,
    "z": DeviceType.JFET,
    "v": DeviceType.SOURCE,
    "i": DeviceType.SOURCE,
    "e": DeviceType.SOURCE,
    "f": DeviceType.SOURCE,
    "g": DeviceType.SOURCE,
    "h": DeviceType.SOURCE,
    "b": DeviceType.SOURCE,
}

_POLARITY_PATTERNS: tuple[tuple[re.Pattern[str], DeviceType], ...] = (
    (re.compile(r"pmos|pfet|pch(?![a-z])|hvtp|lvtp|(?<![a-z])p(?![a-z])"), DeviceType.PMOS),
    (re.compile(r"nmos|nfet|nch(?![a-z])|hvtn|lvtn|(?<![a-z])n(?![a-z])"), DeviceType.NMOS),
)
_WORD_START, _WORD_END = r"(?:^|_)", r"(?![a-z])"
_PRIMITIVE_PATTERNS: tuple[tuple[re.Pattern[str], DeviceType], ...] = tuple(
    (re.compile(pattern), device_type)
    for pattern, device_type in (
        (r"pnp", DeviceType.PNP),
        (r"npn", DeviceType.NPN),
        (
            rf"{_WORD_START}(?:mos|nmos|pmos)?cap(?:acitor)?{_WORD_END}|{_WORD_START}c?(?:mim|mom|fmom|vpp)"
            rf"|rfcmim",
            DeviceType.CAPACITOR,
        ),
        (rf"{_WORD_START}p(?:mos|fet|ch)|[_a-z]pmos|[_a-z]pfet", DeviceType.PMOS),
        (rf"{_WORD_START}n(?:mos|fet|ch)|[_a-z]nmos|[_a-z]nfet", DeviceType.NMOS),
        (rf"{_WORD_START}diode|{_WORD_START}[np]?w?dio{_WORD_END}|dantenna", DeviceType.DIODE),
        (
            rf"{_WORD_START}(?:(?:res(?:istor)?|short){_WORD_END}|r[np]?poly|rhigh|rsil|rppd"
            rf"|ppolyf|npolyf|nwell_res)",
            DeviceType.RESISTOR,
        ),
        (rf"{_WORD_START}ind(?:uctor)?{_WORD_END}", DeviceType.INDUCTOR),
    )
)


@lru_cache(maxsize=4096)
def mos_type_from_name(model: str) -> DeviceType | None:
    """Polarity of a MOSFET model by its name, or `None` where the name does not say."""
    name = model.lower()
    for pattern, device_type in _POLARITY_PATTERNS:
        if pattern.search(name):
            return device_type
    if name[:1] in ("n", "p"):
        return DeviceType.PMOS if name[0] == "p" else DeviceType.NMOS
    return None


@lru_cache(maxsize=4096)
def primitive_type_from_name(model: str, pins: int) -> DeviceType | None:
    """Type of a process-kit device that is instantiated like a subcircuit, or `None` if it is not one."""
    name = model.lower()
    for pattern, device_type in _PRIMITIVE_PATTERNS:
        if pattern.search(name):
            wanted = 4 if device_type.is_mos else 2
            return device_type if pins >= wanted else None
    return None
