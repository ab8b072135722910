"""What a primitive device is, told from its card letter, its model card, or the model's name."""

from __future__ import annotations

import re

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

_NAME_PATTERNS: tuple[tuple[re.Pattern[str], DeviceType], ...] = (
    (re.compile(r"pmos|pfet|pch(?![a-z])|_pmos|hvtp|lvtp|(?<![a-z])p(?:ch|mos|fet)?(?![a-z])"), DeviceType.PMOS),
    (re.compile(r"nmos|nfet|nch(?![a-z])|_nmos|hvtn|lvtn|(?<![a-z])n(?:ch|mos|fet)?(?![a-z])"), DeviceType.NMOS),
)
_PRIMITIVE_PATTERNS: tuple[tuple[re.Pattern[str], DeviceType], ...] = (
    (re.compile(r"pnp"), DeviceType.PNP),
    (re.compile(r"npn"), DeviceType.NPN),
    (re.compile(r"(?:^|_)p(?:mos|fet|ch)|[_a-z]pmos|[_a-z]pfet"), DeviceType.PMOS),
    (re.compile(r"(?:^|_)n(?:mos|fet|ch)|[_a-z]nmos|[_a-z]nfet"), DeviceType.NMOS),
    (re.compile(r"(?:^|_)diode|dio(?:_|$)|dantenna"), DeviceType.DIODE),
    (re.compile(r"(?:^|_)(?:res|rpoly|rhigh|rsil|rppd|ppolyf|npolyf|nwell_res)"), DeviceType.RESISTOR),
    (re.compile(r"(?:^|_)(?:cap|mim|mom|vpp|cmim|cap_mim|rfcmim)"), DeviceType.CAPACITOR),
    (re.compile(r"(?:^|_)ind(?:uctor)?(?:_|$|\d)"), DeviceType.INDUCTOR),
)


def mos_type_from_name(model: str) -> DeviceType | None:
    """Polarity of a MOSFET model by its name, or `None` where the name does not say."""
    name = model.lower()
    for pattern, device_type in _NAME_PATTERNS:
        if pattern.search(name):
            return device_type
    if name[:1] in ("n", "p"):
        return DeviceType.PMOS if name[0] == "p" else DeviceType.NMOS
    return None


def primitive_type_from_name(model: str, pins: int) -> DeviceType | None:
    """Type of a process-kit device that is instantiated like a subcircuit, or `None` if it is not one."""
    name = model.lower()
    for pattern, device_type in _PRIMITIVE_PATTERNS:
        if pattern.search(name):
            wanted = 4 if device_type.is_mos else 2
            return device_type if pins >= wanted else None
    return None
