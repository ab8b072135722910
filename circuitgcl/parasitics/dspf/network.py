"""Nets, nodes and capacitors of a DSPF file while it is read, and the record they end in.

Memory grows with nets, device pins and coupled pairs, not with sub-nodes or cards: a sub-node is looked up as
its net, and couplings are summed by pair and section from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuitgcl.parasitics.cards import decoded
from circuitgcl.parasitics.dspf.couplings import Couplings, CouplingSums
from circuitgcl.parasitics.records import (
    GROUND,
    FloatArray,
    IntArray,
    OffsetArray,
    Parasitics,
    SkippedCards,
    sum_capacitors,
)

GROUND_SECTION = GROUND
_UNKNOWN = -2
_FREE, _NET, _PIN, _PART, _PIECE = range(5)  # roles of a name; parts are summed into their net
_CACHED_NAMES = 1 << 17
TWICE = "C listed by both nets, counted once"
TWICE_BY_SOME = "C listed by both nets, others not: counted twice"
OWN = b"\x01"  # stands for the name of the section's net in names of sub-nodes: no name begins so
_OWN_ID = 0x7FFFFFFE  # of a sub-node `OWN:3`
_UNFOLDED_ID = _OWN_ID - 1  # of what only begins so, `OWN:3:4`: looked up with the whole name
_RELATIVE_ROUNDING = 1e-4  # of the values of the capacitors behind a total


class NodeError(ValueError):
    """A statement contradicts an earlier one."""


class UnknownNodeError(NodeError):
    """A capacitor ends on a node of no net."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Looked(dict[bytes, int]):
    """Names looked up lately: a hash of the sub-node within its net above 32 bits of id + 1."""

    def __init__(self, resolve: Callable[[bytes], tuple[int, bytes]]) -> None:
        super().__init__()
        self._resolve = resolve

    def __missing__(self, name: bytes) -> int:
        number, part = self._resolve(name)
        self[name] = packed = (hash(part) & 0x7FFFFFFF) << 32 | (number + 1)
        return packed


@dataclass(slots=True, kw_only=True)
class _Total:
    """What `*|NET` says of a net."""

    line: int
    farad: float | None
    slack: float  # farad, half a unit of the last printed digit


class SectionedNetwork:
    """Collects declarations and capacitors; `known` are names that are no sub-nodes for sure.

    `grounds` are nets that are the reference node from the first statement on, in lower case.
    """

    def __init__(self, known: Iterable[bytes] = (), grounds: Iterable[bytes] = ()) -> None:
        self.delimiter = b":"
        self.ports: set[bytes] = set()
        self.surprises: set[bytes] = set()  # declared after they may have been taken for sub-nodes
        self.late_grounds: set[bytes] = set()  # declared after something else may have named them
        self._grounds = {b"0", *grounds}
        self._heads: set[bytes] = set()  # what stands before the delimiter in declared names
        self._ids: dict[bytes, int] = {}
        self._looked = _Looked(self._resolve)
        self._names: list[bytes] = []
        self._net: list[int] = []  # id → id of its net, which is the net's own node
        self._role = bytearray()
        self._first_line: list[int] = []  # id → line of the first capacitor there
        self._totals: dict[int, _Total] = {}  # by net, in the order of the sections
        self._order: list[int] = []  # pins and pieces in the order of declaration
        self._kept: set[int] = set()  # nets whose own node is declared to be one
        self._pins: list[tuple[int, bytes]] = []
        self._ground = np.zeros(1024)  # by id
        self._from_ground = np.zeros(1024)  # by id; capacitors listed in the sections of ground nets
        self._in_section = np.zeros(1024)  # by net
        self._n_ground = np.zeros(1024, dtype=np.int64)  # by id; capacitors to ground
        self._used = np.zeros(1024, dtype=bool)  # by id
        self._couplings = CouplingSums()
        self._inside = 0  # capacitors within one net
        self._inside_line = 0
        for name in sorted(known):
            self._new(name)
            self._heads.add(self._head(name)[0])

    def add_grounds(self, names: Iterable[bytes]) -> None:
        """Nets that are the reference node, case ignored."""
        new = {name.lower() for name in names} - self._grounds
        if self._names:
            self.late_grounds |= new
        self._grounds |= new
        self._looked.clear()
        for number, name in enumerate(self._names):
            if name.lower() in self._grounds:
                self._net[number] = GROUND

    def open(self, name: bytes, farad: float | None, slack: float, line: int) -> int:
        """Begin the section of a net, or go on with it; returns the section."""
        number = self._declare(name)
        if number == GROUND:
            return GROUND_SECTION
        if self._role[number] not in {_FREE, _NET} or self._names[number] != name:
            raise NodeError(f"net {_text(name)} is a node of net {self._owner(number)} already.")
        self._role[number], self._net[number] = _NET, number
        known = self._totals.get(number)
        if known is None:
            self._totals[number] = _Total(line=line, farad=farad, slack=slack)
        elif known.farad is not None:
            known.farad, known.slack = known.farad + (farad or 0.0), known.slack + slack
        return number

    def subnode_prefix(self, section: int) -> bytes:
        """How names of sub-nodes of a net begin, and no other names; empty where others do, too."""
        if section < 0 or self._names[section] in self._heads:
            return b""
        return self._names[section] + self.delimiter

    def declare_part(self, name: bytes, section: int) -> None:
        """A port or sub-node, which is summed into its net."""
        number = self._ids.get(name)
        is_usual = section >= 0 and self._names[section] in {name, self._head(name)[0]}
        if number == section or (is_usual and number is None):
            return
        if number is None and section >= 0:
            self._note_surprise(name)
            self._ids[name] = section
        elif number is not None and number >= 0 and self._names[number] != name:  # a part of another net
            raise NodeError(f"node {_text(name)} lies on net {self._owner(number)} by another line.")
        elif not (is_usual and number is not None and self._role[number] == _NET):  # a net called like a part
            self._place(self._declare(name), section, _PART)

    def declare_pin(self, name: bytes, section: int) -> None:
        """A device pin, which is a node of its own if a capacitor ends there."""
        number = self._declare(name)
        if number == section:  # called like its net
            self._pins.append((number, name))
        elif self._place(number, section, _PIN):
            self._order.append(number)
            self._pins.append((number, name))

    def declare_pins(self, names: list[bytes], section: int) -> bool:
        """Device pins that no line has named before; false, and nothing done, if one has been."""
        if not self._ids.keys().isdisjoint(names) or not self._grounds.isdisjoint(map(bytes.lower, names)):
            return False
        first = len(self._names)
        for name in dict.fromkeys(names):
            self._note_surprise(name)
            self._pins.append((self._new(name), name))
        added = range(first, len(self._names))
        self._net[first:] = [section] * len(added)
        self._role[first:] = bytes([_PIN]) * len(added)
        self._order += added
        return True

    def declare_piece(self, name: bytes, section: int) -> None:
        """A node of its own, whatever ends there."""
        number = self._declare(name)
        if number == section:
            self._kept.add(number)
        elif self._place(number, section, _PIECE):
            self._order.append(number)

    def put_pin(self, pin: bytes, node: bytes, section: int) -> None:
        """A device pin on a node with a name of its own."""
        self.declare_piece(node, section)
        self._pins.append((self._declare(node), pin))

    def add(self, ends: list[bytes], farad: FloatArray, section: OffsetArray, lines: OffsetArray) -> None:
        """Add K capacitors.

        Args:
            ends: [2K] nodes a0 b0 a1 b1 …; `OWN` may stand for the name of the section's net.
            farad: [K] farad.
            section: [K] net in whose section they are listed, or `GROUND_SECTION`.
            lines: [K] lines in the file.
        """
        n_before = len(self._names)
        packed = np.fromiter(map(self._looked.__getitem__, ends), np.int64, len(ends))
        for i in np.flatnonzero((packed & 0xFFFFFFFF) == _UNFOLDED_ID + 1).tolist():
            name = self._names[section[i // 2]] if section[i // 2] >= 0 else b""
            packed[i] = self._looked[name + ends[i].removeprefix(OWN)]
        ids = (packed & 0xFFFFFFFF).astype(np.int32) - np.int32(1)
        ids = np.where(ids == _OWN_ID, np.repeat(section, 2), ids).astype(np.int32)
        self._note_first_lines(n_before, ids, lines)
        low, high = np.minimum(ids[0::2], ids[1::2]), np.maximum(ids[0::2], ids[1::2])
        self._used[high] = self._used[low] = True
        between = low != high
        if not between.all():
            self._inside += int(np.count_nonzero(~between))
            self._inside_line = self._inside_line or int(lines[np.argmin(between)])
        for total, chosen in (
            (self._ground, (low == GROUND) & between & (section != GROUND_SECTION)),
            (self._from_ground, (low == GROUND) & between & (section == GROUND_SECTION)),
        ):
            np.add.at(total, high[chosen], farad[chosen])
            np.add.at(self._n_ground, high[chosen], 1)
        counted = between & (section != GROUND_SECTION)
        np.add.at(self._in_section, section[counted], farad[counted])
        coupled = np.flatnonzero(between & (low != GROUND))
        if len(coupled):
            self._couplings.add(
                ids.reshape(-1, 2)[coupled],
                (packed >> 32).reshape(-1, 2)[coupled],
                section[coupled],
                farad[coupled],
                int(lines[coupled[0]]),
            )
        if self._couplings.is_full:
            self._couplings.settle(np.array(self._net))
        if len(self._looked) > _CACHED_NAMES:
            self._looked.clear()

    def finish(self, design: str, source: str, skipped: Iterable[SkippedCards]) -> Parasitics:
        """The record of everything collected.

        Raises:
            UnknownNodeError: a capacitor ends on a node of no net.
        """
        self._settle_free_names()
        notes = list(skipped)
        couplings, ground = self._counted_once(notes)
        net = np.array([*self._net, GROUND], dtype=np.int64)
        grounded = net[net] == GROUND
        nets = [number for number in self._totals if not grounded[number]]
        nets += [i for i in self._loose_nets() if not grounded[i]]
        nodes, node_of, pins = self._nodes(nets, net, grounded)
        rank = np.full(len(net), GROUND)
        rank[nets] = np.arange(len(nets))
        end_a = np.concatenate([node_of[couplings.low], node_of[: len(self._names)]])
        end_b = np.concatenate([node_of[couplings.high], np.full(len(self._names), GROUND)])
        weight = np.concatenate([couplings.farad, ground])
        real = np.concatenate([np.ones(len(couplings.key), bool), self._used[: len(self._names)]])
        ground_farad, pair_a, pair_b, pair_farad = sum_capacitors(
            len(nodes), end_a[real], end_b[real], weight[real]
        )
        self._check_totals(nets, rank[net], couplings, ground, notes)
        self._note_inside(node_of, couplings, notes)
        pin_node = node_of[[number for number, _ in pins]] if pins else np.empty(0, np.int64)
        by_node = np.argsort(pin_node, kind="stable").tolist()
        net_level = nodes == nets
        names = decoded([self._names[i] for i in [*nodes, *nets]] + [pins[i][1] for i in by_node])
        net_names = names[len(nodes) : len(nodes) + len(nets)]
        return Parasitics(
            design=design,
            source=source,
            nodes=net_names if net_level else names[: len(nodes)],
            ground_farad=ground_farad,
            pair_a=pair_a,
            pair_b=pair_b,
            pair_farad=pair_farad,
            nets=net_names,
            node_net=rank[net[nodes]].astype(np.int32),
            pin_offset=np.concatenate([[0], np.cumsum(np.bincount(pin_node, minlength=len(nodes)))]).astype(
                np.int64
            ),
            pin_names=names[len(nodes) + len(nets) :],
            skipped_cards=tuple(notes),
        )

    def _resolve(self, name: bytes) -> tuple[int, bytes]:
        """Id of a node and its name within that: its own if declared or unclear, else its net's."""
        head, _, tail = name.rpartition(self.delimiter)
        if name.startswith(OWN):
            return (_OWN_ID, tail) if head == OWN else (_UNFOLDED_ID, b"")
        for text, part in ((name, name), (head, tail)) if tail.isdigit() else ((name, name),):
            number = self._ids.get(text)
            if number is not None:
                return (number if number < 0 or self._net[number] != GROUND else GROUND), part
            if text.lower() in self._grounds:
                return GROUND, part
        if not head:
            return self._new(name), name
        if tail.isdigit():
            return self._new(head), tail
        net = self._ids.get(head, _UNKNOWN)
        if net >= 0 and self._role[net] == _NET:
            return (net if self._net[net] != GROUND else GROUND), tail
        return self._new(name), name

    def _head(self, name: bytes) -> tuple[bytes, bytes]:
        head, _, tail = name.rpartition(self.delimiter)
        return head, tail

    def _new(self, name: bytes) -> int:
        self._ids[name] = number = len(self._names)
        self._names.append(name)
        self._net.append(_UNKNOWN)
        self._role.append(_FREE)
        self._first_line.append(0)
        if number + 2 > len(self._ground):  # one to spare, which takes what is meant for GROUND
            self._ground, self._from_ground, self._in_section, self._n_ground, self._used = (
                np.concatenate([x, np.zeros_like(x)])
                for x in (self._ground, self._from_ground, self._in_section, self._n_ground, self._used)
            )
        return number

    def _declare(self, name: bytes) -> int:
        """Id of a name that a record declares."""
        number = self._ids.get(name)
        if number is not None:
            return number if self._net[number] != GROUND or self._role[number] == _FREE else GROUND
        if name.lower() in self._grounds:
            return GROUND
        self._note_surprise(name)
        return self._new(name)

    def _note_surprise(self, name: bytes) -> None:
        head = name.rpartition(self.delimiter)[0]
        self._heads.add(head)
        if head in self._ids:
            self.surprises.add(name)

    def _place(self, number: int, section: int, role: int) -> bool:
        """Put a node on a net; whether it is new there."""
        if number == GROUND:
            return False
        known = self._net[number]
        if known not in {_UNKNOWN, section}:
            raise NodeError(
                f"node {_text(self._names[number])} lies on net {self._owner(number)} by another line."
            )
        new = known == _UNKNOWN or (self._role[number] == _PART and role != _PART)
        if new:
            self._net[number], self._role[number] = section, role
        return new

    def _owner(self, number: int) -> str:
        net = self._net[number]
        return _text(self._names[net]) if net >= 0 else "0"

    def _note_first_lines(self, n_before: int, ids: IntArray, lines: OffsetArray) -> None:
        if len(self._names) == n_before:
            return
        fresh = np.flatnonzero(ids >= n_before)
        numbers, first = np.unique(ids[fresh], return_index=True)
        for number, line in zip(numbers.tolist(), lines[fresh[first] // 2].tolist(), strict=True):
            self._first_line[number] = line

    def _settle_free_names(self) -> None:
        """Find the net of every name that was never declared."""
        for number, name in enumerate(self._names):
            if self._role[number] != _FREE or self._net[number] == GROUND:
                continue
            head = self._ids.get(self._head(name)[0])
            if name in self.ports:
                self._role[number], self._net[number] = _NET, number
            elif head is not None and self._role[head] == _NET:
                self._role[number], self._net[number] = _PART, self._net[head]
            elif self._head(name)[0].lower() in self._grounds:
                self._net[number] = GROUND
            else:
                raise UnknownNodeError(
                    f"node {_text(name)} belongs to no net; expected a `*|NET` of this name, a `*|I`, `*|P` "
                    f"or `*|S` record of it, or a name like NET{_text(self.delimiter)}1.",
                    self._first_line[number],
                )

    def _loose_nets(self) -> list[int]:
        """Ports without a section that capacitors name."""
        return [i for i, role in enumerate(self._role) if role == _NET and i not in self._totals]

    def _counted_once(self, notes: list[SkippedCards]) -> tuple[Couplings, FloatArray]:
        """Couplings and ground capacitance [ids], without those that a second section lists again."""
        ground, from_ground = self._ground[: len(self._names)], self._from_ground[: len(self._names)]
        rows = self._couplings.settle(np.array(self._net))
        net = np.array([*self._net, GROUND])
        has_section = np.zeros(len(net), dtype=bool)
        has_section[list(self._totals)] = True
        again, is_rule = rows.listed_again(net, has_section)
        n_again = int(rows.count[again].sum())
        if not n_again:
            return rows, ground + from_ground
        kind = TWICE if is_rule else TWICE_BY_SOME
        notes.append(SkippedCards(kind=kind, count=n_again, first_line=self._couplings.first_line))
        if not is_rule:
            return rows, ground + from_ground
        return rows.take(np.delete(np.arange(len(rows.key)), again)), ground

    def _nodes(
        self, nets: list[int], net: OffsetArray, grounded: npt.NDArray[np.bool_]
    ) -> tuple[list[int], OffsetArray, list[tuple[int, bytes]]]:
        """Ids of the nodes in their order, node of each id, and the device pins that are not on ground."""
        own = [
            number
            for number in dict.fromkeys(self._order)
            if not grounded[number] and (self._role[number] == _PIECE or self._used[number])
        ]
        pins = [(number, pin) for number, pin in self._pins if number >= 0 and not grounded[number]]
        target = net.copy()
        target[own] = own
        whole = set(nets)
        if own:
            busy = {int(i) for i in target[np.flatnonzero(self._used[: len(self._names)])] if i >= 0}
            busy |= {int(target[number]) for number, _ in pins} | self._kept
            whole = {i for i in nets if i in busy} | (whole - {int(net[i]) for i in own})
        place = {number: k for k, number in enumerate(nets)}
        own.sort(key=lambda number: place[int(net[number])])
        nodes: list[int] = []
        position = 0
        for number in nets:
            if number in whole:
                nodes.append(number)
            while position < len(own) and net[own[position]] == number:
                nodes.append(own[position])
                position += 1
        node_id = np.full(len(net), GROUND, dtype=np.int64)
        node_id[nodes] = np.arange(len(nodes))
        node_of = node_id[target]
        node_of[grounded] = GROUND
        return nodes, node_of, pins

    def _check_totals(
        self,
        nets: list[int],
        rank: OffsetArray,
        couplings: Couplings,
        ground: FloatArray,
        notes: list[SkippedCards],
    ) -> None:
        """List nets whose `*|NET` total fits neither all their capacitance nor that of their section."""
        low, high = rank[couplings.low], rank[couplings.high]
        apart = low != high
        summed = np.zeros(len(nets) + 1)  # the last one takes what ends on ground
        np.add.at(summed, rank[: len(ground)], ground)
        np.add.at(summed, low[apart], couplings.farad[apart])
        np.add.at(summed, high[apart], couplings.farad[apart])
        faults = []
        for number, total in self._totals.items():
            if total.farad is None or rank[number] < 0:
                continue
            found = (summed[rank[number]], self._in_section[number])
            slack = total.slack + _RELATIVE_ROUNDING * abs(total.farad)
            if all(abs(total.farad - value) > slack for value in found):
                faults.append(total.line)
        if faults:
            notes.append(
                SkippedCards(
                    kind="*|NET total unlike its capacitors", count=len(faults), first_line=min(faults)
                )
            )

    def _note_inside(self, node_of: OffsetArray, couplings: Couplings, notes: list[SkippedCards]) -> None:
        count = self._inside + int(couplings.count[node_of[couplings.low] == node_of[couplings.high]].sum())
        count += int(self._n_ground[: len(self._names)][node_of[: len(self._names)] == GROUND].sum())
        line = self._inside_line or self._couplings.first_line
        if count:
            notes.append(SkippedCards(kind="C within one net", count=count, first_line=line))


def _text(name: bytes) -> str:
    return decoded([name])[0] if name else ""
