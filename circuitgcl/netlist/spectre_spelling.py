r"""How Spectre spells names and numbers.

Names are reported without their escapes: `net\<3\>` and `net<3>` are one net, `net<3>`. Numbers are rewritten
for whoever reads SPICE, since Spectre tells `1M` from `1m` and SPICE does not.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\([!-~])")
_HIDDEN = 0xE000  # private characters stand for escaped ones, lest a name be cut at them
_SHOWN_AGAIN = {_HIDDEN + code: code for code in range(ord("!"), ord("~") + 1)}


def with_escapes_hidden(text: str) -> str:
    """A text in which no escaped character can be taken for a parenthesis, a blank, an `=` or the like."""
    return _ESCAPE.sub(lambda match: chr(_HIDDEN + ord(match[1])), text) if "\\" in text else text


def without_escapes(text: str) -> str:
    """A text with its hidden characters as they are meant."""
    return text if text.isascii() else text.translate(_SHOWN_AGAIN)


_POWERS = {
    **{"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "K": 3, "k": 3, "_": 0, "%": -2, "c": -2},
    **{
        "m": -3,
        "u": -6,
        "\u00b5": -6,
        "\u03bc": -6,
        "n": -9,
        "p": -12,
        "f": -15,
        "a": -18,
        "z": -21,
        "y": -24,
    },
}
_NUMBER = re.compile(
    r"(?<![\w.$])(?P<mantissa>\d++(?:\.\d*+)?|\.\d++)(?:[eE](?P<exponent>[+-]?\d{1,5}))?"
    r"(?P<letters>%(?!\s*[\w(.])|[A-Za-z_\u00b5\u03bc]*+)(?![\w.])"
)


def spice_expression(text: str) -> str:
    """A Spectre expression with its numbers as SPICE reads them: `1M` as `1e6`, `5%` as `5e-2`.

    A unit behind the scale factor is dropped. What is quoted is a text and stays as it is.
    """
    return text if text[:1] == '"' else _NUMBER.sub(_rewritten, text)


def _rewritten(number: re.Match[str]) -> str:
    letters = number["letters"]
    if not letters:
        return number[0]
    power = 6 if letters.lower() == "meg" else _POWERS.get(letters[0], 0)
    return f"{number['mantissa']}e{power + int(number['exponent'] or 0)}"


_VECTOR = re.compile(r"(?<![\w.])\w+\s*=\s*\[[^\[\]]*\]")


def without_vectors(text: str) -> str:
    """A text without assignments of vectors, which are waveforms, sweeps and the like."""
    return _VECTOR.sub(" ", text) if "[" in text else text
