"""SPICE numbers to SI floats, and SI floats to readable text.

The only module that knows scale suffixes. SPICE reads a number, then the longest scale suffix, and
ignores the letters after it (`10fF`, `5Volts`, `1MEGohm`); case never matters, so `1M` is a milli and
`1Meg` a mega.
"""

from __future__ import annotations

import math
import re

SCALE_BY_SUFFIX: dict[str, float] = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "x": 1e6,
    "k": 1e3,
    "mil": 25.4e-6,
    "m": 1e-3,
    "u": 1e-6,
    "\u00b5": 1e-6,
    "\u03bc": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}

NUMBER_PATTERN = (
    r"(?P<mantissa>[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?P<exponent>[eEdD][+-]?[0-9]{1,5})?"
    r"(?P<suffix>[mM](?:[eE][gG]|[iI][lL])|[tTgGxXkKmMuU\u00b5\u03bc\u039cnNpPfFaA])?"
    r"(?P<unit>[A-Za-z\u03a9\u2126]*)"
)
"""An unsigned number. Digits never follow its letters: `4k7` is none, because `2n2222` is a transistor."""

_SIGNED = re.compile(rf"(?P<sign>[+-]?){NUMBER_PATTERN}")

_FARAD = frozenset({"", "f", "farad", "farads"})

_POWER_BY_SUFFIX = {
    suffix: round(math.log10(scale)) for suffix, scale in SCALE_BY_SUFFIX.items() if suffix != "mil"
}
_EXPONENT_BY_SUFFIX = {
    spelling: f"e{power}"
    for suffix, power in _POWER_BY_SUFFIX.items()
    for spelling in (suffix, suffix.upper())
}

_ENGINEERING = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def scaled(mantissa: str, exponent: str | None, suffix: str | None) -> float:
    """Value of the three parts of a SPICE number.

    The decimal exponent is folded into the text before conversion, so that `90n` is exactly the float
    `90e-9`.
    """
    if not exponent and suffix in _EXPONENT_BY_SUFFIX:
        return float(mantissa + _EXPONENT_BY_SUFFIX[suffix])
    power = int(exponent[1:]) if exponent else 0
    suffix = suffix.lower() if suffix else ""
    if suffix == "mil":
        return float(f"{mantissa}e{power}") * SCALE_BY_SUFFIX[suffix]
    return float(f"{mantissa}e{power + _POWER_BY_SUFFIX.get(suffix, 0)}")


def plain_number(text: str) -> float | None:
    """Value of a text that is one whole SPICE number, else `None`."""
    match = _SIGNED.fullmatch(text)
    if match is None:
        return None
    sign, mantissa, exponent, suffix, _ = match.groups()
    value = scaled(mantissa, exponent, suffix) if exponent or suffix else float(mantissa)
    return -value if sign == "-" else value


def parse_number(text: str) -> float:
    """Value of a SPICE number such as `1mil`, `1Meg`, `10fF` or `1.2e-15`.

    Raises:
        ValueError: if the text is not one whole SPICE number.
    """
    value = plain_number(text)
    if value is None:
        raise ValueError(f"{text!r} is not a SPICE number")
    return value


def parse_farad(text: str) -> float:
    """Value of a capacitance with or without unit, such as `0.0046PF`, `1.2f` or `3e-17`.

    Raises:
        ValueError: not a number, or an unknown unit.
    """
    match = _SIGNED.fullmatch(text)
    if match is None or match["unit"].lower() not in _FARAD:
        raise ValueError(f"{text!r} is no number with a unit of capacitance")
    return parse_number(text)


def format_engineering(value: float, unit: str = "", digits: int = 3) -> str:
    """Value with an engineering prefix, for example `1.23 fF`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    power = max(-18, min(9, 3 * math.floor(math.log10(abs(value)) / 3)))
    text = f"{value / 10.0**power:.{digits}g}"
    if abs(float(text)) >= 1000 and power < 9:  # rounding carried into the next prefix
        power += 3
        text = f"{value / 10.0**power:.{digits}g}"
    return f"{text} {_ENGINEERING[power]}{unit}".rstrip()


def format_capacitance(farad: float) -> str:
    """Capacitance in femtofarad with three significant digits, the unit designers compare layouts in."""
    return f"{farad * 1e15:.3g} fF"
