"""Lines and C cards of SPICE-like extractions, sorted and converted a block at a time.

Nearly all lines of such a file have one plain form. Numpy finds these lines by their first characters and the
number of their fields; they are then split and converted together. The few others go to a statement parser of
the format's reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.records import FloatArray, OffsetArray
from circuitgcl.units import parse_number

Mask = npt.NDArray[np.bool_]

CARD_FIELDS = 4  # name, two nodes, value
_IS_BLANK = np.isin(np.arange(33), np.frombuffer(b" \t\n\v\f\r", np.uint8))  # as `bytes.split` sees it
_INDENT = re.compile(rb"(?m)^[ \t]+")
_COMMENT_FIRST = np.frombuffer(b"*;$#/", dtype=np.uint8)
_DRAWN_SIZES = frozenset({"w", "l", "area", "pj", "perim", "wr", "lr", "nx", "ny"})
_INERT_PARAMETERS = frozenset({"ic", "tc", "tc1", "tc2", "temp", "dtemp"})  # no effect on the nominal value
_SCALED_ENDS = tuple(
    (f"{prefix}{unit}\n".encode(), f"e{power}\n".encode())
    for unit in ("F", "")
    for prefix, power in (("F", -15), ("P", -12), ("A", -18), ("N", -9), ("U", -6))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The L lines of a block of text without indentation."""

    data: bytes
    buffer: npt.NDArray[np.uint8]  # the same text
    starts: OffsetArray  # [L] offset of the first character
    stops: OffsetArray  # [L] offset of the line feed
    fields: OffsetArray  # [L] number of fields, 0 where two blanks stand together
    comment: Mask  # [L] comment or empty; `*|` records are none
    record: Mask  # [L] begins with `*|`
    continues: Mask  # [L] begins with `+`
    owner: OffsetArray  # [L] the line that a `+` here would continue, -1 for one of an earlier block

    def begin_with(self, letters: bytes) -> Mask:
        """Lines whose first character is one of `letters`, [L]."""
        first = self.buffer[self.starts]
        found: Mask = first == letters[0]
        for letter in letters[1:]:
            found |= first == letter
        return found

    def continued(self) -> Mask:
        """Statements that a `+` line follows, or may follow in the next block, [L]."""
        mask = np.zeros(len(self.starts), dtype=bool)
        owners = self.owner[self.continues]
        mask[owners[owners >= 0]] = True
        mask[self.owner[-1]] |= self.owner[-1] >= 0
        return mask

    def ends_statement(self, line: int) -> bool:
        """Whether a statement begun at a line, counted from the first here, cannot be continued any more."""
        return int(self.owner[-1]) not in {-1, line}

    def texts(self, chosen: Mask) -> Iterator[tuple[int, bytes]]:
        """Number in the block and text of each chosen line."""
        rows = np.flatnonzero(chosen)
        for row, start, stop in zip(
            rows.tolist(), self.starts[rows].tolist(), self.stops[rows].tolist(), strict=True
        ):
            yield row, self.data[start:stop]

    def runs(self, chosen: Mask) -> Iterator[tuple[int, bytes]]:
        """First line and text of each stretch of chosen lines."""
        edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
        begins, ends = edges[0::2], edges[1::2] - 1
        for row, begin, end in zip(
            begins.tolist(), self.starts[begins].tolist(), self.stops[ends].tolist(), strict=True
        ):
            yield row, self.data[begin:end]

    def words(self, chosen: Mask) -> list[bytes]:
        """Fields of all chosen lines, one after the other."""
        return b" ".join([text for _, text in self.runs(chosen)]).split()


def sort_lines(text: bytes) -> Lines:
    """Find the lines of a block, which ends with a line feed, and sort them."""
    if b"\n " in text or b"\n\t" in text:
        text = _INDENT.sub(b"", text)
    data = text.lstrip(b" \t")
    buffer = np.frombuffer(data, dtype=np.uint8)
    gaps = np.flatnonzero(buffer <= 32)
    found = buffer[gaps]
    is_blank = _IS_BLANK[found]
    if not is_blank.all():
        gaps, found = gaps[is_blank], found[is_blank]
    line_gap = np.flatnonzero(found == 10)
    stops = gaps[line_gap]
    starts = np.concatenate([[0], stops[:-1] + 1])
    fields = np.diff(line_gap, prepend=-1)
    fields[np.searchsorted(line_gap, np.flatnonzero(np.diff(gaps, prepend=-1) == 1))] = 0
    first = buffer[starts]
    second = buffer[np.minimum(starts + 1, len(buffer) - 1)]
    record = (first == ord("*")) & (second == ord("|"))
    comment = (np.isin(first, _COMMENT_FIRST) & ~record) | (first <= 32)
    continues = first == ord("+")
    owner = np.maximum.accumulate(np.where(continues | comment, -1, np.arange(len(starts))))
    return Lines(
        data=data,
        buffer=buffer,
        starts=starts,
        stops=stops,
        fields=fields,
        comment=comment,
        record=record,
        continues=continues,
        owner=owner,
    )


def split_cards(words: list[bytes]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Names, nodes a0 b0 a1 b1 … and values of plain cards; `words` is used up."""
    names = words[::CARD_FIELDS]
    del words[::CARD_FIELDS]
    values = words[2::3]
    del words[2::3]
    return names, words, values


def numbers(texts: Sequence[bytes], convert: Callable[[str], float] = parse_number) -> FloatArray:
    """Values of many texts; not a number where `convert` refuses one."""
    joined = b"\n".join(texts) + b"\n"
    for spelled in (joined, _with_exponents(joined)):
        if b"_" in spelled:  # a digit separator to Python, not to SPICE
            break
        try:
            return np.fromiter(map(float, spelled.split()), np.float64, len(texts))
        except ValueError:
            continue
    values = {text: _number_or_nan(text, convert) for text in set(texts)}
    return np.fromiter(map(values.__getitem__, texts), np.float64, len(texts))


def capacitor_farad(fields: list[bytes], convert: Callable[[str], float] = parse_number) -> float:
    """Value of one C card in any spelling: `C… a b 1f`, `c=1f`, with `m=` or an inline comment.

    Raises:
        ValueError: with a message for the user: too few fields, no value, or one that cannot be used.
    """
    name = decode(fields[0])
    if len(fields) < CARD_FIELDS:
        raise ValueError(f"{name} has {len(fields) - 1} fields; a C card has two nodes and a value.")
    value: float | None = None
    factor = 1.0
    for key, text in _parameters(fields[CARD_FIELDS - 1 :]):
        try:
            if key in {"", "c", "cap"} and value is None:
                value = convert(text)
            elif key in {"m", "scale"}:
                factor *= parse_number(text)
            elif key not in _INERT_PARAMETERS:
                raise ValueError
        except ValueError:
            written = f"{key}={text}" if key else text
            raise ValueError(
                f"cannot use `{shortened(written.encode())}` of capacitor {name}; "
                "expected one value in farad such as 1.2e-16 or 0.12f."
            ) from None
    if value is None:
        raise ValueError(f"capacitor {name} has no value.")
    if not 0 <= value * factor < np.inf:
        raise ValueError(f"capacitor {name} has {value * factor:g} F; expected a finite value >= 0.")
    return value * factor


def resistor_ohm(fields: list[bytes]) -> float:
    """Value of one R card in any spelling, as far as it has one; nobody needs it to be exact.

    Raises:
        ValueError: with a message for the user: too few fields, or no value.
    """
    if len(fields) < CARD_FIELDS:
        raise ValueError(
            f"{decode(fields[0])} has {len(fields) - 1} fields; an R card has two nodes and a value."
        )
    for key, text in _parameters(fields[CARD_FIELDS - 1 :]):
        value = _number_or_nan(text.encode(), parse_number) if key in {"", "r"} else np.nan
        if value == value:
            return value
    raise ValueError(f"resistor {decode(fields[0])} has no value; expected ohms such as 12.5 or 1k.")


def is_design_device(fields: list[bytes]) -> bool:
    """Whether a C or R card names a model, or gives a drawn size, and so is a device of the circuit.

    A bare word instead of the value of a C card is no model: it is a damaged value.
    """
    tail = fields[CARD_FIELDS - 1 :]
    if any(word.startswith(b"$[") for word in tail):
        return True
    words = list(_parameters(tail))
    if any(key in _DRAWN_SIZES for key, _ in words):
        return True
    models = sum(key == "" and text[:1].isalpha() for key, text in words)
    values = sum(key in {"", "c", "cap", "r"} for key, _ in words) - models
    return models > 0 and (values > 0 or fields[0][:1] in b"Rr")


def decoded(names: Iterable[bytes]) -> tuple[str, ...]:
    """All names of a file in one encoding, so that different bytes stay different names."""
    joined = b"\n".join(names)
    return tuple(decode(joined).split("\n")) if joined else ()


def shortened(text: bytes, length: int = 40) -> str:
    """The begin of a text, printable."""
    shown = "".join(c if c.isprintable() else "?" for c in decode(text[: length + 1]))
    return shown if len(text) <= length else shown[:length] + "…"


def _with_exponents(joined: bytes) -> bytes:
    """Values, one a line, with the usual scale letters and units written as exponents."""
    spelled = joined.upper()
    for suffix, exponent in _SCALED_ENDS:
        spelled = spelled.replace(suffix, exponent)
    return spelled


def _parameters(fields: list[bytes]) -> Iterator[tuple[str, str]]:
    """`(key, text)` of the fields after the nodes up to a comment; the key of a bare value is empty."""
    text = decode(b" ".join(fields))
    text = re.split(r";|(?:^|\s)(?:\$|//)", text, maxsplit=1)[0]
    words = re.sub(r"\s*=\s*", "=", text).split()
    for word in words:
        key, equals, value = word.rpartition("=")
        yield (key.lower(), value) if equals else ("", word)


def _number_or_nan(text: bytes, convert: Callable[[str], float]) -> float:
    try:
        return convert(decode(text))
    except ValueError:
        return float("nan")
