"""Capacitors between the nets of a DSPF file, summed by pair and section while the file is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from circuitgcl.parasitics.records import FloatArray, IntArray, OffsetArray

_ROWS_BEFORE_SUMMING = 1 << 20
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd; spreads the bits of name hashes and values


@dataclass(slots=True, kw_only=True)
class Couplings:
    """Capacitors between two ids, summed by pair and side; K rows sorted by key."""

    key: OffsetArray  # [K] low id, high id and side: whose section it is (0 low's net, 1 high's, 2 neither's)
    farad: FloatArray  # [K]
    count: OffsetArray  # [K]
    mark: npt.NDArray[np.uint64]  # [K] the same for the same sub-nodes and values in any order

    @property
    def low(self) -> OffsetArray:
        """Lower id of each pair, [K]."""
        return self.key >> 32

    @property
    def high(self) -> OffsetArray:
        """Higher id of each pair, [K]."""
        return (self.key & 0xFFFFFFFF) >> 2

    @property
    def side(self) -> OffsetArray:
        """Whose section each row is from, [K]."""
        return self.key & 3

    def take(self, chosen: npt.NDArray[Any]) -> Couplings:
        """Some of the rows."""
        return Couplings(
            key=self.key[chosen], farad=self.farad[chosen], count=self.count[chosen], mark=self.mark[chosen]
        )

    def listed_again(self, net: OffsetArray, has_section: npt.NDArray[np.bool_]) -> tuple[OffsetArray, bool]:
        """Rows that list what the other net's section lists, and whether all couplings are listed so.

        Args:
            net: net of each id.
            has_section: whether a net has a section; the others cannot list anything.
        """
        net_low, net_high = net[self.low], net[self.high]
        judged = np.flatnonzero((net_low != net_high) & has_section[net_low] & has_section[net_high])
        one, other = judged[:-1], judged[1:]
        alike = (
            (self.key[one] >> 2 == self.key[other] >> 2)
            & (self.side[one] == 0)
            & (self.side[other] == 1)
            & (self.count[one] == self.count[other])
            & (self.mark[one] == self.mark[other])
        )
        return other[alike], 2 * int(np.count_nonzero(alike)) == len(judged)


class CouplingSums:
    """Collects capacitors; memory grows with pairs, since the rows are summed from time to time."""

    def __init__(self) -> None:
        self.first_line = 0
        self._rows: list[tuple[npt.NDArray[Any], ...]] = []  # key, section, farad, mark of [K] couplings
        self._n_rows = 0
        self._sums = Couplings(
            key=np.empty(0, np.int64),
            farad=np.empty(0),
            count=np.empty(0, np.int64),
            mark=np.empty(0, np.uint64),
        )

    @property
    def is_full(self) -> bool:
        """Whether it is time to sum."""
        return self._n_rows > max(_ROWS_BEFORE_SUMMING, len(self._sums.key))

    def add(
        self, ids: IntArray, parts: OffsetArray, section: OffsetArray, farad: FloatArray, line: int
    ) -> None:
        """Add K capacitors.

        Args:
            ids: [K, 2] ids of both ends.
            parts: [K, 2] a hash of each end's name within its net.
            section: [K] net in whose section they are listed.
            farad: [K] farad.
            line: line of the first one.
        """
        mixed = parts.view(np.uint64) * _MIX + ids.astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX
        mark = (mixed[:, 0] + mixed[:, 1]) * _MIX
        mark = (mark ^ (mark >> np.uint64(29)) ^ farad.view(np.uint64)) * _MIX
        low, high = np.minimum(ids[:, 0], ids[:, 1]), np.maximum(ids[:, 0], ids[:, 1])
        key = low.astype(np.int64) << 32 | high.astype(np.int64) << 2
        self._rows.append((key, section.astype(np.int32), farad, mark ^ (mark >> np.uint64(32))))
        self._n_rows += len(key)
        self.first_line = self.first_line or line

    def settle(self, net: OffsetArray) -> Couplings:
        """The sums, after the rows collected since the last time; `net` is that of each id."""
        if not self._rows:
            return self._sums
        key, section, farad, mark = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        self._rows, self._n_rows = [], 0
        key |= np.where(net[key >> 32] == section, 0, np.where(net[(key & 0xFFFFFFFF) >> 2] == section, 1, 2))
        known = self._sums
        key = np.concatenate([known.key, key])
        order = np.argsort(key, kind="stable")
        key = key[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))

        def summed(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.add.reduceat(np.concatenate([old, new])[order], starts)

        self._sums = Couplings(
            key=key[starts],
            farad=summed(known.farad, farad),
            count=summed(known.count, np.ones(len(farad), np.int64)),
            mark=summed(known.mark, mark),
        )
        return self._sums
