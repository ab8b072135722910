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

_SUFFIX_ALTERNATION = "|".join(sorted(SCALE_BY_SUFFIX, key=len, reverse=True))
NUMBER_PATTERN = (
    r"(?P<mantissa>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<exponent>[eEdD][+-]?[0-9]{1,5})?"
    rf"(?P<suffix>(?i:{_SUFFIX_ALTERNATION}))?(?P<unit>[A-Za-z\u03a9\u2126]*)"
)
_NUMBER = re.compile(rf"(?P<sign>[+-]?){NUMBER_PATTERN}")

_ENGINEERING = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def scaled(mantissa: str, exponent: str | None, suffix: str | None) -> float:
    """Value of the three parts of a SPICE number.

    The decimal exponent is folded into the text before conversion, so that `90n` is exactly the float
    `90e-9`.
    """
    power = int(exponent[1:]) if exponent else 0
    if suffix:
        scale = SCALE_BY_SUFFIX[suffix.lower()]
        if suffix.lower() == "mil":
            return float(f"{mantissa}e{power}") * scale
        power += round(math.log10(scale))
    return float(f"{mantissa}e{power}")


def parse_number(text: str) -> float:
    """Value of a SPICE number such as `1mil`, `1Meg`, `10fF` or `1.2e-15`.

    Raises:
        ValueError: if the text is not one whole SPICE number.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a SPICE number")
    value = scaled(match["mantissa"], match["exponent"], match["suffix"])
    return -value if match["sign"] == "-" else value


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
