"""The words of a run of alike lines as columns of numbers, most of them without becoming strings.

A word is seen as 64-bit pieces of its bytes. Words of the same pieces share a code, found by sorting; only
one of each is turned into a string. A netlist names every net and every wording many times, so most of the
work is done in arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONGEST_WORD = 512  # bytes; longer ones are read card by card

_PIECE = 8  # bytes
_FIRST_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(_PIECE + 1)], np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio
_SHIFT = np.uint64(29)
_BLANK, _TAB, _LINE_FEED = b" \t\n"  # what separates the words of a run; other characters may be in them

Codes = NDArray[np.int64]


class UnreadableRunError(ValueError):
    """A run must be read card by card."""


class RunWords:
    """Words of lines that all hold the same number of them.

    Args:
        run: the lines, each with its line feed.
        width: number of words of a line.

    Raises:
        UnreadableRunError: a word is too long, or lines differ.
    """

    def __init__(self, run: str, width: int) -> None:
        data = run.encode()
        self._bytes = np.frombuffer(data, np.uint8)
        self._padded = data + bytes(_PIECE)
        is_blank = (self._bytes == _BLANK) | (self._bytes == _TAB) | (self._bytes == _LINE_FEED)
        borders = np.flatnonzero(is_blank[1:] != is_blank[:-1]) + 1
        if not is_blank[0]:
            borders = np.concatenate([np.zeros(1, borders.dtype), borders])
        if len(borders) % (2 * width):
            raise UnreadableRunError("lines of different numbers of words")
        edges = borders.reshape(-1, width, 2)
        self._begins, self._ends = edges[:, :, 0], edges[:, :, 1]

    def __len__(self) -> int:
        return len(self._begins)

    def lines(self, column: int) -> bytes:
        """The words of a column, each with a line feed behind it."""
        begins, sizes = self._begins[:, column], self._ends[:, column] - self._begins[:, column] + 1
        stops = np.cumsum(sizes)
        found = self._bytes[np.arange(stops[-1]) + np.repeat(begins - (stops - sizes), sizes)]
        found[stops - 1] = _LINE_FEED
        return bytes(found)

    def coded(self, first: int, last: int) -> tuple[Codes, list[str]]:
        """Codes of the words of some columns, line by line, [lines * columns]; and the words they stand for.

        Words get their codes in the order in which they first appear.

        Args:
            first: a column.
            last: the one behind the last.

        Raises:
            UnreadableRunError: a word is too long.
        """
        return self._coded(self._begins[:, first:last].ravel(), self._ends[:, first:last].ravel())

    def coded_rest(self, first: int) -> tuple[Codes, list[str]]:
        """Codes of what stands in every line from a column on, [lines]; and the texts they stand for.

        Raises:
            UnreadableRunError: a text is too long.
        """
        return self._coded(self._begins[:, first], self._ends[:, -1])

    def _coded(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[Codes, list[str]]:
        sizes = ends - begins
        if sizes.max() > LONGEST_WORD:
            raise UnreadableRunError("a long word")
        pieces = [self._pieces(begins, sizes, at) for at in range(0, int(sizes.max()), _PIECE)]
        hashed = sizes.astype(np.uint64)
        for piece in pieces:
            hashed = (hashed ^ piece) * _MIX
            hashed ^= hashed >> _SHIFT
        _, first, code = np.unique(hashed, return_index=True, return_inverse=True)
        if not all(np.array_equal(values, values[first][code]) for values in (sizes, *pieces)):
            raise UnreadableRunError("different words of one hash")
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        spans = zip(begins[first[order]].tolist(), ends[first[order]].tolist(), strict=True)
        return rank[code], [self._padded[begin:end].decode() for begin, end in spans]

    def _pieces(self, begins: NDArray[np.int64], sizes: NDArray[np.int64], at: int) -> NDArray[np.uint64]:
        """Eight bytes of every word from a position on, those behind its end as zero."""
        count = len(self._bytes) + 1
        overlapping = np.ndarray((count,), "<u8", self._padded, strides=(1,))
        taken = overlapping[np.minimum(begins + at, count - 1)] if at else overlapping[begins]
        kept: NDArray[np.uint64] = taken & _FIRST_BYTES[np.clip(sizes - at, 0, _PIECE)]
        return kept
