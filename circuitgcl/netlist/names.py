"""Many names in little memory: one buffer of text instead of one Python string each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = "\n"  # no name holds one: names are words of a line


class NameList(Sequence[str]):
    """An immutable list of n names; a string is made only when one is asked for.

    Args:
        text: the names, a line feed after each.
    """

    __slots__ = ("_data", "_ends")

    def __init__(self, text: bytes = b"") -> None:
        self._data = text
        self._ends: NDArray[np.int64] = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(_SEPARATOR))

    @classmethod
    def of(cls, names: Iterable[str]) -> NameList:
        """List of the given names."""
        return cls(_SEPARATOR.join([*names, ""]).encode())  # one behind each name

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> NameList: ...
    def __getitem__(self, index: int | slice) -> str | NameList:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        position = range(len(self))[index]
        begin = self._ends[position - 1] + 1 if position else 0
        return self._data[begin : self._ends[position]].decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._data.decode().split(_SEPARATOR)[:-1])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NameList):
            return self._data == other._data
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._data)

    def __add__(self, other: NameList) -> NameList:
        return NameList(self._data + other._data)

    def __repr__(self) -> str:
        return f"NameList({list(self[:8])}{', ...' if len(self) > 8 else ''})"

    def take(self, indices: NDArray[np.integer]) -> NameList:
        """The names at the given positions, [k], in their order; linear in the length of their text."""
        begins = np.concatenate([np.zeros(1, np.int64), self._ends + 1])
        sizes = begins[indices + 1] - begins[indices]
        stops = np.cumsum(sizes)
        source = np.arange(stops[-1] if len(stops) else 0) + np.repeat(
            begins[indices] - (stops - sizes), sizes
        )
        return NameList(np.frombuffer(self._data, np.uint8)[source].tobytes())
