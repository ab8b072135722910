"""Rows of the `*CAP` parts of SPEF, many at a time: `id node value` and `id node node value`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np

from circuitgcl.parasitics.records import FloatArray, IntArray, OffsetArray
from circuitgcl.parasitics.spef.names import CapacitanceUnit, shown

_SAMPLE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Consecutive rows of one section."""

    text: bytes  # whole lines
    line: int  # number of the first one
    section: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RowBatch:
    """Rows of one kind; K of them."""

    a: list[bytes]  # [K] first point as spelled
    b: list[bytes]  # [K] second point, or none at all for capacitors to ground
    section: IntArray  # [K]
    farad: FloatArray  # [K] farad
    last_digit_farad: float  # rounding of the values, from the first ones


class BadRowError(Exception):
    """A row without meaning: its line and what is wrong with it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def split_rows(runs: list[Run], unit: CapacitanceUnit) -> tuple[list[RowBatch], list[int]]:
    """Points and values of all rows, and the lines with sensitivities (`*SC …`), which have no use here.

    Raises:
        BadRowError: a row has too few or too many fields, or a value that is negative or no number.
    """
    text = b"".join(run.text for run in runs)
    n_lines = [run.text.count(b"\n") for run in runs]
    n_fields = _fields_per_line(text)
    odd = np.flatnonzero((n_fields != 3) & (n_fields != 4) & (n_fields != 0))
    if len(odd):
        text = _without_sensitivities(text, odd, runs, n_lines)
        n_fields = _fields_per_line(text)
    lines = text.split(b"\n")
    section = np.repeat(np.array([run.section for run in runs], dtype=np.int32), n_lines)
    batches = []
    for width in (3, 4):
        rows = n_fields == width
        fields = b"\n".join(compress(lines, rows.tolist())).split()
        values = fields[width - 1 :: width]
        farad = unit.farads(values)
        bad = np.flatnonzero(~((farad >= 0) & (farad < np.inf)))
        if len(bad):
            row = int(np.flatnonzero(rows)[bad[0]])
            raise BadRowError(_line_in(runs, n_lines, row), bad_value(values[int(bad[0])]))
        second = fields[2::4] if width == 4 else []
        batches.append(
            RowBatch(
                a=fields[1::width],
                b=second,
                section=section[rows],
                farad=farad,
                last_digit_farad=min(map(unit.last_digit_farad, values[:_SAMPLE]), default=np.inf),
            )
        )
    return batches, [_line_in(runs, n_lines, i) for i in odd.tolist()]


def bad_value(text: bytes) -> str:
    """Message about a text that is no capacitance."""
    return (
        f"cannot use `{shown([text])}` as capacitance; expected a finite number >= 0 such as 0.12, "
        "or min:typ:max."
    )


def _without_sensitivities(text: bytes, odd: OffsetArray, runs: list[Run], n_lines: list[int]) -> bytes:
    lines = text.split(b"\n")
    for i in odd.tolist():
        fields = lines[i].split()
        if b"*SC" not in fields[3:5]:
            raise BadRowError(
                _line_in(runs, n_lines, i),
                f"`{shown(fields)}` has {len(fields)} fields; a row of *CAP is `id node value` or "
                "`id node node value`.",
            )
        lines[i] = b" ".join(fields[: fields.index(b"*SC", 3)])
    return b"\n".join(lines)


def _fields_per_line(text: bytes) -> OffsetArray:
    """Number of fields of each line [L]; the text ends with a line feed."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    blank = buffer <= 32
    field_starts = np.flatnonzero(~blank[1:] & blank[:-1]) + 1
    line_ends = np.flatnonzero(buffer == 10)
    return np.diff(np.searchsorted(field_starts, line_ends) + (not blank[0]), prepend=0)


def _line_in(runs: list[Run], n_lines: list[int], row: int) -> int:
    """Line of the file of a row of the joined runs."""
    ends = np.cumsum(n_lines)
    run = int(np.searchsorted(ends, row, side="right"))
    return runs[run].line + row - int(ends[run]) + n_lines[run]
