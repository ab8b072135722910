"""Names and numbers as SPEF spells them: escapes, map indices, pin delimiters, capacitance units."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.records import FloatArray

PIN_DELIMITER = b":"  # between instance and pin in every name that is handed out

_SHOWN = 60  # characters of a line in a message
_ADJACENT_SLASHES = re.compile(r"/(?=/)|(?<=/)/")
_NUMBER = re.compile(rb"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]{1,5}))?")
_POWER_BY_UNIT = {b"F": 0, b"MF": -3, b"UF": -6, b"NF": -9, b"PF": -12, b"FF": -15, b"AF": -18}
UNITS = ", ".join(unit.decode() for unit in _POWER_BY_UNIT)


def unescape(name: bytes) -> bytes:
    """Name without the backslashes before its special characters."""
    if b"\\" not in name:
        return name
    return name.replace(b"\\\\", b"\0").replace(b"\\", b"").replace(b"\0", b"\\")  # no text has a NUL


def escape(name: str, divider: str) -> str:
    """Name with backslashes before all that is no letter, digit, `_`, bus bracket or divider.

    Slashes in a row are escaped although `/` divides, because two of them begin a comment.
    """
    text = "".join(c if c.isalnum() or c in "_[]" or c == divider or ord(c) > 127 else f"\\{c}" for c in name)
    return _ADJACENT_SLASHES.sub(r"\\/", text) if divider == "/" else text


def is_index(token: bytes) -> bool:
    """Whether a token refers to the name map (`*12`)."""
    return token[:1] == b"*" and token[1:].isdigit()


def split_pin(token: bytes, delimiter: bytes) -> tuple[bytes, bytes]:
    """Owner and last component (`net` and `3`, `instance` and `pin`); the owner is empty when there is none.

    An escaped delimiter is part of a name.
    """
    cut = token.rfind(delimiter)
    while cut > 0 and token[cut - 1 : cut] == b"\\":
        cut = token.rfind(delimiter, 0, cut)
    return (token[:cut], token[cut + 1 :]) if cut > 0 else (b"", token)


@dataclass(frozen=True, kw_only=True, slots=True)
class CapacitanceUnit:
    """The number and the unit of `*C_UNIT`; the power of ten goes into the text before it becomes a float.

    So `0.1` with `*C_UNIT 1 FF` is exactly the float 1e-16.
    """

    power: int
    factor: float

    @classmethod
    def parse(cls, fields: list[bytes]) -> CapacitanceUnit:
        """Unit of the fields after `*C_UNIT`.

        Raises:
            ValueError: not a positive number and a known unit.
        """
        number, unit = fields
        factor = _number(number, 0)
        power = _POWER_BY_UNIT.get(unit.upper())
        if power is None or not 0 < factor < np.inf:
            raise ValueError(unit)
        digits = round(np.log10(factor))
        if factor == float(f"1e{digits}"):
            return cls(power=power + digits, factor=1.0)
        return cls(power=power, factor=factor)

    def farad(self, text: bytes) -> float:
        """Value of one number or `min:typ:max`, of which the typical one counts.

        Raises:
            ValueError: the text is neither.
        """
        return _number(_typical(text), self.power) * self.factor

    def last_digit_farad(self, text: bytes) -> float:
        """What one step of the last digit of a number is worth; the text must be one that `farad` accepts."""
        mantissa, _, exponent = _typical(text).lower().partition(b"e")
        decimals = len(mantissa.partition(b".")[2])
        return float(10.0 ** (int(exponent or 0) - decimals + self.power)) * self.factor

    def farads(self, texts: list[bytes]) -> FloatArray:
        """Values [K] of many texts; not-a-number where a text is no number."""
        if not texts:
            return np.empty(0)
        joined = b" ".join(texts)
        if b":" in joined:
            texts = [_typical(text) for text in texts]
        power = b"e%d" % self.power
        try:
            if b"_" in joined:  # a digit separator to Python
                raise ValueError
            folded = (joined if b":" not in joined else b" ".join(texts)).replace(b" ", power + b" ") + power
            farad = np.fromiter(map(float, folded.split()), np.float64, len(texts))
        except ValueError:  # numbers with an exponent of their own, or none
            values = {text: _number_or_nan(text, self.power) for text in texts if not text.isdigit()}
            farad = np.fromiter(
                (values[text] if text in values else float(text + power) for text in texts),
                np.float64,
                len(texts),
            )
        return farad * self.factor


def _typical(text: bytes) -> bytes:
    parts = text.split(b":")
    return parts[1] if len(parts) == 3 else text


def _number(text: bytes, power: int) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(b"%be%d" % (match[1], int(match[2] or 0) + power))


def _number_or_nan(text: bytes, power: int) -> float:
    try:
        return _number(text, power)
    except ValueError:
        return float("nan")


def shown(fields: list[bytes]) -> str:
    """Begin of a line, for messages."""
    text = decode(b" ".join(fields)[: _SHOWN + 1])
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
