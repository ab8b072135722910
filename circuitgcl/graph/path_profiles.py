"""How many short ways lead from one net to another, by their number of devices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.segments import Index, positions
from circuitgcl.graph.shared_parts import Memberships

MAX_HOPS = 4
MAX_PASS_FANOUT = 64  # devices at a net above which no way leads through it: it is as wide as a rail
_CHUNK = 1 << 22  # products looked at together


def path_counts(graph: CircuitGraph, pair: NDArray[np.integer]) -> NDArray[np.int64]:
    r"""Walks between the nets of [P, 2] pairs with 1 to `MAX_HOPS` devices, [P, MAX_HOPS].

    With :math:`A_{mn}` the number of devices that touch the signal nets m and n, walks of h devices are
    counted by :math:`A^h`. Walks of four are met in the middle, :math:`(A^4)_{ab} = \sum_m (A^2)_{am}
    (A^2)_{mb}`, so only rows of the nets that are asked for are worked out. Rails end no walk and pass none;
    a net with more than `MAX_PASS_FANOUT` devices passes none.
    """
    nets, place = np.unique(pair, return_inverse=True)
    place = place.reshape(-1, 2)
    one, passed = _adjacency(graph)
    first = csr_array(one[nets])
    inner = csr_array(first @ passed)  # rows of A restricted to nets that pass walks on
    second = csr_array(inner @ one)
    middle = csr_array(second @ passed)
    return np.stack(
        [
            _entries(first, place[:, 0], pair[:, 1]),
            _dots(first, inner, place),
            _dots(first, middle, place),
            _dots(second, middle, place),
        ],
        axis=1,
    )


def _adjacency(graph: CircuitGraph) -> tuple[csr_array, csr_array]:
    """Devices shared by every two signal nets, [N, N], and the diagonal choice of nets that pass walks on."""
    circuit, count = graph.circuit, graph.circuit.net_count
    on_signal = graph.rails[circuit.pin_net] == 0
    touched = Memberships.of(circuit.pin_device[on_signal], circuit.pin_net[on_signal], count)
    shape = (count, circuit.device_count)
    incidence = csr_array((np.ones(len(touched.net), np.int64), (touched.net, touched.edge)), shape=shape)
    devices = np.bincount(touched.net, minlength=count)
    # a device of a net with itself is no step; taken off entry by entry, for a diagonal may be absent
    product = (incidence @ incidence.T).tocoo()
    apart = product.coords[0] != product.coords[1]
    rows, columns = product.coords[0][apart], product.coords[1][apart]
    one = csr_array((product.data[apart], (rows, columns)), shape=(count, count))
    passing = np.flatnonzero((devices <= MAX_PASS_FANOUT) & (graph.rails == 0))
    chosen = csr_array((np.ones(len(passing), np.int64), (passing, passing)), shape=(count, count))
    return one, chosen


def _entries(rows: csr_array, row: Index, column: NDArray[np.integer]) -> NDArray[np.int64]:
    """Single entries of a matrix, [P]."""
    rows.sort_indices()
    width = rows.shape[1]
    code = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)) * width + rows.indices
    sought = row * width + column
    at = np.minimum(np.searchsorted(code, sought), max(len(code) - 1, 0))
    if not len(code):
        return np.zeros(len(row), np.int64)
    return np.where(code[at] == sought, rows.data[at], 0).astype(np.int64)


def _dots(left: csr_array, right: csr_array, place: Index) -> NDArray[np.int64]:
    """Products of a row of `left` with one of `right`, [P]; the same for both orders of [P, 2] rows.

    The shorter of the two rows of `left` is gone through, and looked up in `right`.
    """
    found = np.zeros(len(place), np.int64)
    longer = np.diff(left.indptr)[place]
    place = np.where((longer[:, 0] > longer[:, 1])[:, None], place[:, ::-1], place)
    counts = np.diff(left.indptr)[place[:, 0]].astype(np.int64)
    ends = np.cumsum(counts)
    start = 0
    while start < len(place):
        limit = (ends[start - 1] if start else 0) + _CHUNK
        stop = max(int(np.searchsorted(ends, limit, side="right")), start + 1)
        part = counts[start:stop]
        entry = positions(left.indptr[place[start:stop, 0]], part)
        row = np.repeat(np.arange(start, stop), part)
        values = left.data[entry] * _entries(right, place[row, 1], left.indices[entry])
        np.add.at(found, row, values)
        start = stop
    return found
