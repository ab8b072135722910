"""From the nets, pins and capacitor rows of a SPEF file to one record.

Internal points of a net (`net:3`) and its ports are summed into the net. A pin that capacitors name is a node
of its own; pins that resistors of zero ohm join are one node, called like the first of them; any other pin
lies on its net's own node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.records import (
    GROUND,
    IntArray,
    Parasitics,
    SkippedCards,
    sum_capacitors,
)
from circuitgcl.parasitics.spef.counting import (
    NO_PIN,
    SIDES_DIFFER,
    TOTAL_DIFFERS,
    Places,
    Rows,
    Section,
    counted_once,
    wrong_totals,
)
from circuitgcl.parasitics.spef.names import PIN_DELIMITER, is_index, split_pin, unescape
from circuitgcl.parasitics.spef.rows import RowBatch

_UNKNOWN = -2


class UnknownNameError(Exception):
    """A token that names nothing: its text and what is wrong with it."""

    def __init__(self, token: bytes, message: str) -> None:
        super().__init__(message)
        self.token = token


class _TokenIds(dict[bytes, int]):
    """Numbers of the points capacitors end on, as spelled, in order of first appearance."""

    def __missing__(self, token: bytes) -> int:
        self[token] = number = len(self)
        return number


@dataclass(kw_only=True, slots=True, eq=False)
class _Nodes:
    """The nodes of the record; M of them."""

    net: IntArray  # [M]
    pin: IntArray  # [M] the pin a node is called after, or NO_PIN
    of_net: IntArray  # [T] the net's own node, or GROUND where it has none
    of_pin: IntArray  # [pins]
    of_token: IntArray  # [P+1] node or GROUND; the last one is GROUND


@dataclass(kw_only=True)
class SpefNetwork:
    """What the statements of one file say; names are bytes, tokens are names as spelled."""

    names: dict[bytes, bytes] = field(default_factory=dict)  # index `*12` → name as spelled
    delimiter: bytes = PIN_DELIMITER
    reference_nets: set[bytes] = field(default_factory=set)  # of *GROUND_NETS
    other_nets: set[bytes] = field(default_factory=set)  # of *POWER_NETS and *PORTS
    sections: list[Section] = field(default_factory=list)
    tokens: _TokenIds = field(default_factory=_TokenIds)

    def __post_init__(self) -> None:
        self._net_ids: dict[bytes, int] = {}  # the first ones are those of the sections
        self._ports: dict[bytes, int] = {}  # name → net
        self._pins: dict[bytes, int] = {}  # as spelled in *CONN → pin
        self._pin_net: list[int] = []
        self._pin_by_name: dict[bytes, int] = {}  # this and the next are filled when all pins are known
        self._pin_tokens: list[bytes] = []
        self._shorts: list[tuple[int, int]] = []  # pins that are one node
        self._rows: list[Rows] = []
        self._modelled: set[int] = set()
        self._last_digit_farad = np.inf  # rounding of the rows

    def name_of(self, token: bytes) -> bytes:
        """Name of a net, port or instance.

        Raises:
            UnknownNameError: an index that the name map does not have.
        """
        if is_index(token):
            try:
                token = self.names[token]
            except KeyError:
                raise UnknownNameError(
                    token,
                    f"{decode(token)} has no entry in *NAME_MAP; expected `{decode(token)} name` there.",
                ) from None
        return unescape(token)

    def open_net(self, token: bytes, line: int, total_farad: float, last_digit_farad: float) -> int | None:
        """Begin the section of a net; the line of an earlier section of that net, if there is one."""
        name = self.name_of(token)
        if name in self._net_ids:
            return self.sections[self._net_ids[name]].line
        self._net_ids[name] = len(self.sections)
        self.sections.append(
            Section(spelled=token, line=line, total_farad=total_farad, last_digit_farad=last_digit_farad)
        )
        return None

    def add_port(self, token: bytes) -> None:
        """A port on the net whose section is open."""
        self._ports[self.name_of(token)] = len(self.sections) - 1

    def add_pin(self, token: bytes) -> bytes | None:
        """A device pin on the net whose section is open; the other net it lies on, if there is one."""
        net = len(self.sections) - 1
        known = self._pins.get(token)
        if known is None:
            self._pins[token] = len(self._pin_net)
            self._pin_net.append(net)
        elif self._pin_net[known] != net:
            return self.name_of(self.sections[self._pin_net[known]].spelled)
        return None

    def add_short(self, one: bytes, other: bytes) -> None:
        """Two points of the open net without resistance between them; matters where both are pins."""
        if one in self._pins and other in self._pins:
            self._shorts.append((self._pins[one], self._pins[other]))

    def set_pi_model(self, farad: float) -> None:
        """Capacitance that a driver sees; of several, which all see the whole net, the first counts."""
        net = len(self.sections) - 1
        if net not in self._modelled:
            self._modelled.add(net)
            self.sections[net].reduced_farad = farad

    def add_rows(self, batch: RowBatch) -> None:
        """Capacitors in the `*CAP` parts of sections."""
        point_a = np.fromiter(map(self.tokens.__getitem__, batch.a), np.int32, len(batch.a))
        point_b = np.fromiter(map(self.tokens.__getitem__, batch.b), np.int32, len(batch.b))
        if not batch.b:
            point_b = np.full(len(batch.a), GROUND, dtype=np.int32)
        self._rows.append(Rows(point_a=point_a, point_b=point_b, section=batch.section, farad=batch.farad))
        self._last_digit_farad = min(self._last_digit_farad, batch.last_digit_farad)

    def _full_name(self, token: bytes) -> bytes:
        owner, last = split_pin(token, self.delimiter)
        try:
            return self.name_of(owner) + PIN_DELIMITER + self.name_of(last) if owner else self.name_of(token)
        except UnknownNameError as error:
            raise UnknownNameError(token, str(error)) from None

    def to_parasitics(self, design: str, source: str, skipped: list[SkippedCards]) -> Parasitics:
        """Resolve all names, count every capacitor once, and sum.

        Raises:
            UnknownNameError: a capacitor ends on a point of no known net.
        """
        pin_names_raw = [self._full_name(token) for token in self._pins]
        self._pin_tokens = list(self._pins)
        self._pin_by_name = {name: i for i, name in enumerate(pin_names_raw)}
        places = self._places()
        listed = self._all_rows()
        rows, differing = counted_once(listed, places)
        checks = (
            _listed(
                TOTAL_DIFFERS, self.sections, wrong_totals(self.sections, listed, self._last_digit_farad)
            ),
            _listed(SIDES_DIFFER, self.sections, differing),
        )
        nodes = self._nodes(places)
        reduced = [i for i, section in enumerate(self.sections) if section.reduced_farad is not None]
        ground, pair_a, pair_b, pair_farad = sum_capacitors(
            len(nodes.net),
            np.concatenate([nodes.of_token[rows.point_a], nodes.of_net[reduced]]),
            np.concatenate([nodes.of_token[rows.point_b], np.full(len(reduced), GROUND)]),
            np.concatenate([rows.farad, [self.sections[i].reduced_farad or 0.0 for i in reduced]]),
        )
        names = _decoded([*self._net_ids, *pin_names_raw])
        nets, pin_names = names[: len(self._net_ids)], names[len(self._net_ids) :]
        return Parasitics(
            design=design,
            source=source,
            nodes=tuple(
                nets[net] if pin == NO_PIN else pin_names[pin]
                for net, pin in zip(nodes.net.tolist(), nodes.pin.tolist(), strict=True)
            ),
            ground_farad=ground,
            pair_a=pair_a,
            pair_b=pair_b,
            pair_farad=pair_farad,
            nets=nets,
            node_net=nodes.net,
            pin_offset=np.concatenate(
                [[0], np.cumsum(np.bincount(nodes.of_pin, minlength=len(nodes.net)))]
            ).astype(np.int64),
            pin_names=tuple(pin_names[i] for i in np.argsort(nodes.of_pin, kind="stable").tolist()),
            skipped_cards=(*skipped, *(check for check in checks if check.count)),
        )

    def _nodes(self, places: Places) -> _Nodes:
        """One node per net as far as something lies on it, one per pin (or shorted pins) with capacitors."""
        n_nets, n_pins = len(self._net_ids), len(self._pin_net)
        first = _first_of_shorted(n_pins, self._shorts)
        pin_net = np.array(self._pin_net, dtype=np.int32)
        on_pin = places.pin >= 0
        own = np.zeros(n_pins, dtype=bool)  # pins that are nodes
        own[first[places.pin[on_pin]]] = True
        needed = np.ones(n_nets, dtype=bool)  # nets with a node of their own
        needed[pin_net[own]] = False
        needed[pin_net[~own[first]]] = True
        needed[places.net[~on_pin & (places.net >= 0)]] = True
        needed[[i for i, section in enumerate(self.sections) if section.reduced_farad is not None]] = True
        net = np.concatenate([np.flatnonzero(needed), pin_net[own]]).astype(np.int32)
        pin = np.concatenate([np.full(int(needed.sum()), NO_PIN), np.flatnonzero(own)]).astype(np.int32)
        order = np.lexsort((pin, net))
        net, pin = net[order], pin[order]
        of_net = np.full(n_nets, GROUND, dtype=np.int32)
        of_net[net[pin == NO_PIN]] = np.flatnonzero(pin == NO_PIN)
        of_pin = np.zeros(n_pins, dtype=np.int32)
        of_pin[pin[pin != NO_PIN]] = np.flatnonzero(pin != NO_PIN)
        of_pin = np.where(own[first], of_pin[first], of_net[pin_net]).astype(np.int32)
        of_token = np.full(len(places.net) + 1, GROUND, dtype=np.int32)  # the last one stands for ground
        on_net = np.flatnonzero(~on_pin & (places.net >= 0))
        of_token[on_net] = of_net[places.net[on_net]]
        of_token[np.flatnonzero(on_pin)] = of_pin[places.pin[on_pin]]
        return _Nodes(net=net, pin=pin, of_net=of_net, of_pin=of_pin, of_token=of_token)

    def _places(self) -> Places:
        """Net and pin of every token.

        Raises:
            UnknownNameError: a token names nothing.
        """
        n_tokens = len(self.tokens)
        net, pin = np.empty(n_tokens, dtype=np.int32), np.full(n_tokens, NO_PIN, dtype=np.int32)
        point = np.arange(n_tokens, dtype=np.int32)
        aliases: dict[bytes, int] = {}
        usual = {section.spelled: i for i, section in enumerate(self.sections)}
        for i, token in enumerate(self.tokens):
            known_pin = self._pins.get(token)
            if known_pin is None:
                owner, last = split_pin(token, self.delimiter)
                on_net = usual.get(owner or token)
                if on_net is not None:
                    net[i] = on_net
                    continue
                on_net, known_pin = self._place(token, owner)
                if known_pin is None:
                    net[i] = on_net
                    if 0 <= on_net < len(self.sections):
                        head = self.sections[on_net].spelled
                        point[i] = self._alias(head + self.delimiter + last if owner else head, i, aliases)
                    continue
                point[i] = self._alias(self._pin_tokens[known_pin], i, aliases)
            net[i], pin[i] = self._pin_net[known_pin], known_pin
        return Places(net=net, pin=pin, point=point)

    def _alias(self, usual: bytes, own: int, aliases: dict[bytes, int]) -> int:
        """Token that stands for all spellings of a point, given its usual spelling."""
        return aliases.setdefault(usual, self.tokens.get(usual, own))

    def _place(self, token: bytes, owner: bytes) -> tuple[int, int | None]:
        """Net, and pin if any, of a token that is not spelled like a pin of any `*CONN`."""
        name = self._full_name(token)
        if name in self._pin_by_name:
            return _UNKNOWN, self._pin_by_name[name]
        for candidate in (name, self.name_of(owner)) if owner else (name,):
            if candidate in self._ports:
                return self._ports[candidate], None
            if candidate in self._net_ids:
                return self._net_ids[candidate], None
            if candidate in self.reference_nets or candidate == b"0":
                return GROUND, None
            if candidate in self.other_nets:
                return self._net_ids.setdefault(candidate, len(self._net_ids)), None
        raise UnknownNameError(
            token,
            f"{decode(token)} ({decode(name)}) is a point of no known net; expected a net with a *D_NET "
            "section, a pin or port of some *CONN, or a net of *POWER_NETS, *GROUND_NETS or *PORTS.",
        )

    def _all_rows(self) -> Rows:
        empty = np.empty(0, dtype=np.int32)
        rows = [*self._rows, Rows(point_a=empty, point_b=empty, section=empty, farad=np.empty(0))]
        self._rows = []
        return Rows(
            point_a=np.concatenate([part.point_a for part in rows]),
            point_b=np.concatenate([part.point_b for part in rows]),
            section=np.concatenate([part.section for part in rows]),
            farad=np.concatenate([part.farad for part in rows]),
        )


def _first_of_shorted(n_pins: int, shorts: list[tuple[int, int]]) -> IntArray:
    """For each pin the first of those it is joined with [pins]."""
    first = list(range(n_pins))

    def root(pin: int) -> int:
        while first[pin] != pin:
            first[pin] = first[first[pin]]
            pin = first[pin]
        return pin

    for one, other in shorts:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return np.array([root(pin) for pin in range(n_pins)], dtype=np.int32)


def _listed(kind: str, sections: list[Section], which: IntArray) -> SkippedCards:
    line = sections[int(which.min())].line if len(which) else 0
    return SkippedCards(kind=kind, count=len(which), first_line=line)


def _decoded(names: list[bytes]) -> tuple[str, ...]:
    """All names of a file in one encoding, so that different bytes stay different names."""
    return tuple(decode(b"\n".join(names)).split("\n")) if names else ()
