"""Nets of one cell of a Magic extraction, its subcells included, and the capacitances between them.

A cell is reduced once, however often it is used: its parents only map its nets to their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.magic.cell import Capacitances, MagicCell, Use
from circuitgcl.parasitics.records import GROUND, FloatArray, IntArray, OffsetArray, sum_capacitors

MAX_SIZE = 100_000_000  # nets, couplings and pins handled on all levels of a design together

_ELSEWHERE = -1  # no name of the cell itself
_DEFAULT_GROUND = b"GND!"  # the reference node of extractions that declare no substrate
_RANGE = re.compile(rb"\[(-?\d{1,9}):(-?\d{1,9})(?:(?:,|\]\[)(-?\d{1,9}):(-?\d{1,9}))?\](?=[^/]*/)")


class SizeBudget:
    """What is left of `MAX_SIZE`."""

    def __init__(self, size: int = MAX_SIZE) -> None:
        self._left = self._size = size

    def spend(self, size: int, cell: MagicCell, line: int) -> None:
        """Take from it, before the memory is.

        Raises:
            ParasiticsError: nothing is left.
        """
        self._left -= size
        if self._left < 0:
            cell.refuse(line, f"the flattened design exceeds {self._size} nets, couplings and pins.")


@dataclass(kw_only=True, slots=True)
class ReducedCell:
    """A cell and all below it; N nets, E couplings, P pins; nets in order of first appearance."""

    names: list[bytes]  # [N] relative to the cell
    ground_farad: FloatArray  # [N]
    pair_a: IntArray  # [E]
    pair_b: IntArray  # [E]
    pair_farad: FloatArray  # [E]
    pin_names: list[bytes]  # [P]
    pin_net: IntArray  # [P]
    scope: Scope
    net_of: IntArray  # net of each point of the scope, or GROUND

    @property
    def size(self) -> int:
        """Nets, couplings and pins."""
        return len(self.names) + len(self.pair_a) + len(self.pin_names)

    def net(self, path: bytes) -> int | None:
        """Net of a name or path, `GROUND`, or `None` when there is no such node."""
        point = self.scope.point(path)
        return None if point is None else int(self.net_of[point])


class Scope:
    """Points of one cell before nets are formed: the reference node, own names, nets of the subcells."""

    def __init__(self, cell: MagicCell, children: list[tuple[Use, ReducedCell]]) -> None:
        own = dict(cell.node_names)
        for _, child in children:
            own.update(dict.fromkeys(name for name in child.names if name.endswith(b"!")))
        self.own = {name: point for point, name in enumerate(own, 1)}
        self.instances: dict[bytes, tuple[ReducedCell, int]] = {}  # subcell and the point of its first net
        self.names: list[bytes] = [b"", *own]  # of all points
        for use, child in children:
            for name in use.names():
                if name in self.instances:
                    cell.refuse(use.line, f"instance {decode(name)} occurs twice in this cell.")
                self.instances[name] = child, len(self.names)
                self.names += [net if net.endswith(b"!") else name + b"/" + net for net in child.names]

    def point(self, path: bytes) -> int | None:
        """Point of a name of this cell or of a path into a subcell; 0 is the reference node."""
        if (own := self.own.get(path)) is not None:
            return own
        cut = path.find(b"/")
        while cut >= 0:
            if path[:cut] in self.instances:
                child, first = self.instances[path[:cut]]
                net = child.net(path[cut + 1 :])
                return None if net is None else 0 if net == GROUND else first + net
            cut = path.find(b"/", cut + 1)
        return None

    def shared_globals(self) -> Iterator[tuple[int, int]]:
        """Global names (`vdd!`) are one net wherever they occur."""
        for child, first in self.instances.values():
            for i, name in enumerate(child.names):
                if name.endswith(b"!"):
                    yield self.own[name], first + i


def reduce_cell(
    cell: MagicCell,
    children: list[tuple[Use, ReducedCell]],
    budget: SizeBudget,
    *,
    ports: set[bytes],
    default_ground: bool,
) -> ReducedCell:
    """Form the nets of a cell and sum what lies between them.

    Args:
        cell: its own statements.
        children: its uses and what they use.
        budget: for ranges of array elements; the nets of the children are paid for already.
        ports: names that are preferred as names of nets.
        default_ground: whether `GND!` is the reference node, as in extractions without `substrate`.

    Raises:
        ParasiticsError: a value is no number, or ranges of array elements do not fit each other.
    """
    return _Reduction(cell, Scope(cell, children), budget).result(ports=ports, default_ground=default_ground)


class _Reduction:
    """One call of `reduce_cell`."""

    def __init__(self, cell: MagicCell, scope: Scope, budget: SizeBudget) -> None:
        self._cell = cell
        self._scope = scope
        self._budget = budget

    def result(self, *, ports: set[bytes], default_ground: bool) -> ReducedCell:
        cell, scope = self._cell, self._scope
        merge_a, merge_b, merge_farad, merge_line = self._ends(cell.merges, "merge")
        own = scope.own
        grounds = cell.substrates | ({_DEFAULT_GROUND} & own.keys() if default_ground else set())
        links = [(own[a], own[b]) for a, b in cell.equivalents]
        links += [(0, own[name]) for name in grounds]
        links += scope.shared_globals()
        pairs = np.array(links, dtype=np.int64).reshape(-1, 2)
        net_of = _nets(
            len(scope.names), np.concatenate([pairs[:, 0], merge_a]), np.concatenate([pairs[:, 1], merge_b])
        )
        names = self._net_names(net_of, ports)
        own_a, own_farad, own_line = self._to_substrate()
        pair_a, pair_b, pair_farad, pair_line = self._ends(cell.couplings, "cap")
        child_a, child_b, child_farad = _of_children(scope)
        end_a = net_of[np.concatenate([own_a, merge_a, pair_a, child_a])]
        end_b = np.concatenate(
            [np.full(len(own_a) + len(merge_a), GROUND), net_of[np.concatenate([pair_b, child_b])]]
        )
        farad = np.concatenate([own_farad, merge_farad, pair_farad, child_farad])
        lines = np.concatenate([own_line, merge_line, pair_line, np.zeros_like(child_a)])
        kept = self._survives_kills(net_of, end_a, end_b, lines)
        ground, a, b, summed = sum_capacitors(len(names), end_a[kept], end_b[kept], farad[kept])
        pin_names, pin_net = self._pins(net_of)
        return ReducedCell(
            names=names,
            ground_farad=ground,
            pair_a=a,
            pair_b=b,
            pair_farad=summed,
            pin_names=pin_names,
            pin_net=pin_net,
            scope=scope,
            net_of=net_of,
        )

    def _to_substrate(self) -> tuple[OffsetArray, FloatArray, OffsetArray]:
        """Points, farads and lines [K] of node and subcap statements."""
        rows = self._cell.to_substrate
        farads = self._cell.farads(rows)
        points = [self._scope.point(name) for name in rows.a]
        known = [i for i, point in enumerate(points) if point is not None]
        for i, point in enumerate(points):
            if point is None:
                self._cell.skip("subcap of an undeclared node", rows.lines[i])
        point_array = np.array([points[i] for i in known], dtype=np.int64)
        return point_array, farads[known], np.array(rows.lines, dtype=np.int64)[known]

    def _ends(
        self, rows: Capacitances, kind: str
    ) -> tuple[OffsetArray, OffsetArray, FloatArray, OffsetArray]:
        """Points, farads and lines [K] of statements with two names, ranges of array elements expanded."""
        farads, lines = self._cell.farads(rows), np.array(rows.lines, dtype=np.int64)
        a, b = self._own_points(rows.a), self._own_points(rows.b)
        own = (a != _ELSEWHERE) & (b != _ELSEWHERE)
        statement, far_a, far_b = self._far_ends(rows, np.flatnonzero(~own), kind)
        order = np.concatenate([np.flatnonzero(own), statement])
        return (
            np.concatenate([a[own], far_a]),
            np.concatenate([b[own], far_b]),
            farads[order],
            lines[order],
        )

    def _own_points(self, names: list[bytes]) -> OffsetArray:
        return np.fromiter(map(self._scope.own.get, names, repeat(_ELSEWHERE)), np.int64, len(names))

    def _far_ends(
        self, rows: Capacitances, which: OffsetArray, kind: str
    ) -> tuple[OffsetArray, OffsetArray, OffsetArray]:
        """Numbers and points [K] of statements that reach into subcells."""
        point = self._scope.point
        found: list[tuple[int, int, int]] = []
        for i in which.tolist():
            ends = point(rows.a[i]), point(rows.b[i])
            all_ends = [ends]
            if None in ends:
                names = self._elements(rows.a[i], rows.b[i], rows.lines[i])
                all_ends = [(point(one), point(other)) for one, other in names]
            known = [(i, a, b) for a, b in all_ends if a is not None and b is not None]
            found += known
            if not known:
                self._cell.skip(f"{kind} of an undeclared node", rows.lines[i])
        table = np.array(found, dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def _elements(self, name_a: bytes, name_b: bytes, line: int) -> Iterable[tuple[bytes, bytes]]:
        """Pairs of names that two ranges of array elements (`u[0:3]/a`, `u[1:4]/b`) stand for."""
        ranges = [_RANGE.search(name) for name in (name_a, name_b)]
        if ranges == [None, None]:
            return ()
        boxes = [_box(found) for found in ranges]
        shapes = [[len(axis) for axis in box] for box in boxes]
        if shapes[0] != shapes[1] or 0 in shapes[0]:
            self._cell.refuse(
                line,
                f"{decode(name_a)} and {decode(name_b)} stand for different numbers of array elements; "
                "expected ranges lo:hi of equal length.",
            )
        self._budget.spend(math.prod(shapes[0]), self._cell, line)
        return zip(_spelled(name_a, ranges[0], boxes[0]), _spelled(name_b, ranges[1], boxes[1]), strict=True)

    def _net_names(self, net_of: IntArray, ports: set[bytes]) -> list[bytes]:
        """Best name of each net; at the top, a port beats all but global names."""
        names: list[bytes] = [b""] * (int(net_of.max(initial=GROUND)) + 1)
        for name, net in zip(self._scope.names, net_of.tolist(), strict=True):
            if net != GROUND and (
                not names[net] or _rank(name, name in ports) > _rank(names[net], names[net] in ports)
            ):
                names[net] = name
        return names

    def _survives_kills(
        self, net_of: IntArray, end_a: IntArray, end_b: IntArray, lines: OffsetArray
    ) -> OffsetArray:
        """Capacitances [K] that no later `killnode` takes back.

        Resistance extraction replaces a net by its pieces; what was said of the net before is void.
        """
        killed_at = np.full(int(net_of.max(initial=GROUND)) + 2, -1, dtype=np.int64)  # last entry: GROUND
        for name, line in self._cell.kills:
            point = self._scope.point(name)
            if point is None:
                self._cell.skip("killnode of an undeclared node", line)
            elif net_of[point] != GROUND:
                killed_at[net_of[point]] = max(line, killed_at[net_of[point]])
        void = (lines < killed_at[end_a]) | (lines < killed_at[end_b])
        for line in lines[void & (end_b != GROUND)].tolist():
            self._cell.skip("cap of a killed node", max(line, 1))
        return np.flatnonzero(~void)

    def _pins(self, net_of: IntArray) -> tuple[list[bytes], IntArray]:
        """Device pins of the cell and its subcells and their nets, without those on the reference node."""
        scope = self._scope
        names = [pin for _, pin in self._cell.pins]
        points = [np.array([scope.own[node] for node, _ in self._cell.pins], dtype=np.int64)]
        for instance, (child, first) in scope.instances.items():
            names += [instance + b"/" + pin for pin in child.pin_names]
            points.append(child.pin_net.astype(np.int64) + first)
        nets = net_of[np.concatenate(points)]
        kept = np.flatnonzero(nets != GROUND)
        return [names[i] for i in kept.tolist()], nets[kept]


def _nets(n_points: int, a: OffsetArray, b: OffsetArray) -> IntArray:
    """Net of each point [n_points]; points linked to point 0 get `GROUND`, others count up as they appear."""
    links = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n_points, n_points))
    _, group = connected_components(links, directed=False)
    _, first, net = np.unique(group, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int32)
    order[np.argsort(first)] = np.arange(GROUND, len(first) - 1)  # point 0 comes first
    return order[net]


def _of_children(scope: Scope) -> tuple[OffsetArray, OffsetArray, FloatArray]:
    """Capacitances of all subcells between points of their parent; b is 0 for those to the reference node."""
    ends_a, ends_b, farads = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for child, first in scope.instances.values():
        ends_a += [np.arange(len(child.names)) + first, child.pair_a.astype(np.int64) + first]
        ends_b += [np.zeros(len(child.names), np.int64), child.pair_b.astype(np.int64) + first]
        farads += [child.ground_farad, child.pair_farad]
    return np.concatenate(ends_a), np.concatenate(ends_b), np.concatenate(farads)


def _rank(name: bytes, is_port: bool) -> tuple[bool, bool, bool, int, int, bytes]:
    """Order of names of one net, as Magic has it: global, port, label, few levels, short, late in ASCII."""
    return (
        name.endswith(b"!"),
        is_port,
        not name.endswith(b"#"),
        -name.count(b"/"),
        -len(name),
        name,
    )


def _box(found: re.Match[bytes] | None) -> list[range]:
    """Subscripts along each axis of a range of array elements."""
    if found is None:
        return []
    limits = [int(text) for text in found.groups() if text is not None]
    return [range(low, high + 1) for low, high in zip(limits[::2], limits[1::2], strict=True)]


def _spelled(name: bytes, found: re.Match[bytes] | None, box: list[range]) -> Iterator[bytes]:
    """Names of the single elements of a range, the last subscript running fastest."""
    if found is None:
        return
    head, tail = name[: found.start()], name[found.end() :]
    for i in box[0]:
        for rest in [b""] if len(box) == 1 else [b",%d" % j for j in box[1]]:
            yield head + b"[%d" % i + rest + b"]" + tail
