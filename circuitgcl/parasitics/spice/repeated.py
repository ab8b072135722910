"""Capacitors that a SPICE extraction lists more than once, told from the cards alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from circuitgcl.parasitics.records import GROUND, FloatArray, IntArray, SkippedCards

TWICE = "C listed by both nodes, counted once"
MOVED_AND_KEPT = "C between nodes that both have to ground as well: counted twice?"

_LEAST_PAIRS = 2  # fewer coincide by chance
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd; spreads the bits of nodes and values


def counted_once(
    end_a: IntArray, end_b: IntArray, farad: FloatArray, line: int, notes: list[SkippedCards]
) -> npt.NDArray[np.bool_]:
    """Which of K capacitors count, [K]; what is said to users goes to `notes`.

    Some extractors list every coupling once for each of its nodes, `C1 a b 1f` and `C2 b a 1f`. A file is of
    this kind if that holds for all its couplings, to the last digit.

    Others move couplings to ground and keep them: then for every coupling each of its nodes has a capacitor
    of that very value to ground. Which of the two is meant, the file does not say: this is only listed.

    Args:
        end_a: [K] node or GROUND, the first of the card.
        end_b: [K] node or GROUND.
        farad: [K] farad.
        line: line of the first capacitor.
        notes: where to add what was found.
    """
    kept = np.ones(len(farad), dtype=bool)
    coupled = np.flatnonzero((end_a != GROUND) & (end_b != GROUND) & (end_a != end_b))
    backward = end_a[coupled] > end_b[coupled]
    n_back = int(np.count_nonzero(backward))
    if 2 * n_back == len(coupled) and n_back:
        forth = _sorted_rows(end_a, end_b, farad, coupled[~backward])
        back = _sorted_rows(end_b, end_a, farad, coupled[backward])
        n_pairs = len(np.unique(np.stack(forth[:2]), axis=1).T)
        if n_pairs >= _LEAST_PAIRS and all(
            np.array_equal(one, other) for one, other in zip(forth, back, strict=True)
        ):
            kept[coupled[backward]] = False
            notes.append(SkippedCards(kind=TWICE, count=n_back, first_line=line))
            coupled = coupled[~backward]
    grounded = np.flatnonzero((end_a == GROUND) ^ (end_b == GROUND))
    if _LEAST_PAIRS <= len(coupled) <= len(grounded) // 2:
        to_ground = _marks(np.maximum(end_a, end_b)[grounded], farad[grounded])
        ends = (_marks(end[coupled], farad[coupled]) for end in (end_a, end_b))
        if all(bool(np.isin(marks, to_ground).all()) for marks in ends):
            notes.append(SkippedCards(kind=MOVED_AND_KEPT, count=len(coupled), first_line=line))
    return kept


def _sorted_rows(
    low: IntArray, high: IntArray, farad: FloatArray, chosen: npt.NDArray[np.integer]
) -> list[npt.NDArray[np.generic]]:
    low, high, farad = low[chosen], high[chosen], farad[chosen]
    order = np.lexsort((farad, high, low))
    return [low[order], high[order], farad[order]]


def _marks(node: IntArray, farad: FloatArray) -> npt.NDArray[np.uint64]:
    """A number for each node and value."""
    mark = node.astype(np.uint64) * _MIX ^ farad.view(np.uint64)
    marks: npt.NDArray[np.uint64] = (mark ^ mark >> np.uint64(29)) * _MIX
    return marks
