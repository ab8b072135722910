"""Relative structure of pairs: what two endpoints are to each other, beside what each is alone.

An endpoint is a net or a pin; a pair is any two of them, and every encoding is the same for both orders. The
columns stand in `PAIR_ENCODINGS`, in order. To add some, write a function from `PairView` to [P, columns]
that is symmetric in the two sides, and list it there with the names and units of its columns: the schema,
`PairStructure.encode` and the symmetry test follow that list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError
from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.endpoint_names import endpoint_numbers
from circuitgcl.graph.feature_schema import COLUMNS, Feature
from circuitgcl.graph.features import Float32Array, instance_levels
from circuitgcl.graph.indices import IndexedNames, IndexRelation
from circuitgcl.graph.path_profiles import MAX_HOPS, path_counts
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.graph.shared_parts import Memberships, shared_parts
from circuitgcl.schema import PinRole

SCHEMA_VERSION = 1

FloatArray = NDArray[np.float64]

# roles as pairs see them; what is neither of the first three is one kind
_ROLE_GROUPS = ("gate", "source_drain", "bulk", "other")
_GROUP_OF_ROLE = np.full(len(PinRole), 3)
_GROUP_OF_ROLE[[PinRole.GATE, PinRole.SOURCE_DRAIN, PinRole.BULK]] = 0, 1, 2
_ROLE_PAIRS = tuple((a, b) for a in range(len(_ROLE_GROUPS)) for b in range(a, len(_ROLE_GROUPS)))


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """One side of P pairs."""

    net: Index  # [P] the net itself, or that of the pin
    pin: Index  # [P] -1 for nets
    device: Index  # [P] device of the pin, -1 for nets
    instance: Index  # [P] instance that holds the device, or owns the net


@dataclass(frozen=True, kw_only=True)
class Ancestry:
    """Where the instances of the two sides part."""

    common: Index  # [P] lowest common instance
    branch_a: Index  # [P] child of `common` towards side a, -1 where side a is `common` itself
    branch_b: Index  # [P]
    steps_a: Index  # [P] levels from `common` down to side a
    steps_b: Index  # [P]


@dataclass(frozen=True, kw_only=True)
class PairView:
    """What the encodings read of P pairs."""

    graph: CircuitGraph
    structure: PairStructure
    a: Endpoints
    b: Endpoints
    ancestry: Ancestry

    @property
    def nets(self) -> Index:
        """Nets of both sides, [P, 2]."""
        return np.stack([self.a.net, self.b.net], axis=1)


class PairStructure:
    """Tables of a circuit graph that encodings of any of its pairs share.

    Args:
        graph: the circuit graph.
    """

    def __init__(self, graph: CircuitGraph) -> None:
        self.graph = graph
        circuit = graph.circuit
        self.role_group = _GROUP_OF_ROLE[pin_role_codes(circuit)]
        self.level = instance_levels(circuit)
        self.fan_out = np.bincount(circuit.pin_net, minlength=circuit.net_count)
        definition = circuit.instance_definition[circuit.net_instance]
        self.net_label = offsets(np.array([d.net_count for d in circuit.definitions]))[definition]
        self.net_label += circuit.net_local
        self.net_names = IndexedNames.of(name for d in circuit.definitions for name in d.net_labels)
        children = offsets(np.array([len(d.child_names) for d in circuit.definitions]))
        self.child_label = children[circuit.instance_definition[circuit.instance_parent]]
        self.child_label += circuit.instance_child
        self.child_names = IndexedNames.of(name for d in circuit.definitions for name in d.child_names)

    def encode(self, pair: NDArray[np.integer]) -> Float32Array:
        """Encodings of pairs, [P, F] in the order of `pair_encoding_schema`.

        Args:
            pair: [P, 2] endpoints: net n is n, pin p is N + p, with N nets.

        Raises:
            DataError: no [P, 2] integers, or an endpoint the circuit does not have.
        """
        pair = np.asarray(pair)
        circuit = self.graph.circuit
        if pair.ndim != 2 or pair.shape[1] != 2 or pair.dtype.kind not in "iu":
            raise DataError(f"pairs are {pair.dtype} of shape {pair.shape}; expected integers [P, 2]")
        last = circuit.net_count + circuit.pin_count
        if ((pair < 0) | (pair >= last)).any():
            wrong = pair[(pair < 0) | (pair >= last)][0]
            raise DataError(
                f"a pair names endpoint {wrong}; {circuit.name} has nets 0 to {circuit.net_count - 1:,} and "
                f"pins {circuit.net_count:,} to {last - 1:,}"
            )
        a, b = (self._endpoints(pair[:, side].astype(np.int64)) for side in (0, 1))
        view = PairView(
            graph=self.graph, structure=self, a=a, b=b, ancestry=self._ancestry(a.instance, b.instance)
        )
        parts = [
            encoding.compute(view).reshape(len(pair), len(encoding.columns)) for encoding in PAIR_ENCODINGS
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def encode_named(self, pair: Sequence[tuple[str, str]]) -> Float32Array:
        """Encodings of pairs by name, [P, F]; a pin is `device:position`, as in `endpoint_numbers`.

        Raises:
            DataError: the circuit has no such net, device or position.
        """
        names = [name for both in pair for name in both]
        return self.encode(endpoint_numbers(self.graph.circuit, names).reshape(len(pair), 2))

    def _endpoints(self, node: Index) -> Endpoints:
        circuit = self.graph.circuit
        pin = np.where(node >= circuit.net_count, node - circuit.net_count, -1)
        is_pin = pin >= 0
        device = np.where(is_pin, circuit.pin_device[pin], -1)
        net = np.where(is_pin, circuit.pin_net[pin], node)
        owner = circuit.net_instance[np.minimum(net, circuit.net_count - 1)]
        return Endpoints(
            net=net, pin=pin, device=device, instance=np.where(is_pin, circuit.device_instance[device], owner)
        )

    def _ancestry(self, a: Index, b: Index) -> Ancestry:
        parent, level = self.graph.circuit.instance_parent, self.level
        up_a, up_b = a.astype(np.int64), b.astype(np.int64)
        branch_a, branch_b = np.full((2, len(a)), -1)
        while (apart := up_a != up_b).any():
            climb_a = apart & (level[up_a] >= level[up_b])
            climb_b = apart & (level[up_b] >= level[up_a])
            branch_a, branch_b = np.where(climb_a, up_a, branch_a), np.where(climb_b, up_b, branch_b)
            up_a, up_b = np.where(climb_a, parent[up_a], up_a), np.where(climb_b, parent[up_b], up_b)
        return Ancestry(
            common=up_a,
            branch_a=branch_a,
            branch_b=branch_b,
            steps_a=level[a] - level[up_a],
            steps_b=level[b] - level[up_a],
        )


def relation_type(view: PairView) -> FloatArray:
    """Net and net, pin and net, or pin and pin; whether both lie on one net."""
    pins = (view.a.pin >= 0).astype(np.int64) + (view.b.pin >= 0)
    return np.column_stack([np.eye(3)[pins], view.a.net == view.b.net])


def same_device(view: PairView) -> FloatArray:
    """Whether two pins are those of one device."""
    same: FloatArray = ((view.a.device >= 0) & (view.a.device == view.b.device)).astype(np.float64)
    return same


def shared_devices(view: PairView) -> FloatArray:
    """Devices both nets touch, by the roles in which they do; a device counts for every pair of roles."""
    circuit = view.graph.circuit
    wanted = np.zeros(circuit.net_count, bool)
    wanted[view.a.net], wanted[view.b.net] = True, True
    pins = np.flatnonzero(wanted[circuit.pin_net])
    device, net = circuit.pin_device[pins].astype(np.int64), circuit.pin_net[pins]
    members = Memberships.of(device, net, circuit.net_count)
    row = np.searchsorted(members.edge * circuit.net_count + members.net, device * circuit.net_count + net)
    has = np.zeros((len(members.edge), len(_ROLE_GROUPS)), bool)
    has[row, view.structure.role_group[pins]] = True
    shared = shared_parts(members, view.nets, circuit.net_count)
    a, b = has[shared.member_a], has[shared.member_b]
    counts = [
        np.bincount(
            shared.pair,
            weights=(a[:, one] & b[:, other]) | (a[:, other] & b[:, one]),
            minlength=len(view.a.net),
        )
        for one, other in _ROLE_PAIRS
    ]
    return np.log1p(np.stack(counts, axis=1))


def touching_roles(view: PairView) -> FloatArray:
    """Sides whose pin belongs to a device that touches the other side's net, by the role in which it does."""
    found = np.zeros((len(view.a.net), len(_ROLE_GROUPS)))
    circuit = view.graph.circuit
    for own, other in ((view.a, view.b), (view.b, view.a)):
        rows = np.flatnonzero(own.pin >= 0)
        first = circuit.pin_offset[own.device[rows]]
        counts = circuit.pin_offset[own.device[rows] + 1] - first
        pin, row = positions(first, counts), np.repeat(rows, counts)
        touches = (circuit.pin_net[pin] == other.net[row]) & (pin != own.pin[row])
        side = np.zeros(found.shape, bool)
        side[row[touches], view.structure.role_group[pin[touches]]] = True
        found += side
    return found


def short_paths(view: PairView) -> FloatArray:
    """Walks between the two nets by their number of devices, rails cut."""
    return np.log1p(path_counts(view.graph, view.nets))


def common_instance(view: PairView) -> FloatArray:
    """Depth of the lowest common instance, and where the two sides lie below it."""
    ancestry, circuit = view.ancestry, view.graph.circuit
    kind = circuit.instance_definition
    siblings = (ancestry.steps_a == 1) & (ancestry.steps_b == 1)
    return np.column_stack(
        [
            view.structure.level[ancestry.common],
            ancestry.steps_a + ancestry.steps_b,
            view.a.instance == view.b.instance,
            siblings,
            kind[view.a.instance] == kind[view.b.instance],
        ]
    ).astype(np.float64)


def net_index_relation(view: PairView) -> FloatArray:
    """How the indices of two nets of one instance relate."""
    circuit, structure = view.graph.circuit, view.structure
    a, b = structure.net_label[view.a.net], structure.net_label[view.b.net]
    owners = circuit.net_instance[view.a.net] == circuit.net_instance[view.b.net]
    return _index_relation(structure.net_names, a, b, owners & (view.a.net != view.b.net))


def instance_index_relation(view: PairView) -> FloatArray:
    """How the indices of the two instances relate at which the ways to the two sides part."""
    ancestry, structure = view.ancestry, view.structure
    part = (ancestry.branch_a >= 0) & (ancestry.branch_b >= 0)
    a = structure.child_label[np.maximum(ancestry.branch_a, 0)]
    b = structure.child_label[np.maximum(ancestry.branch_b, 0)]
    return _index_relation(structure.child_names, a, b, part)


def _index_relation(names: IndexedNames, a: Index, b: Index, known: NDArray[np.bool_]) -> FloatArray:
    """Relation one-hot, share of equal coordinates and log distance; zeros where not `known`."""
    found = np.zeros((len(a), len(IndexRelation) + 2))
    rows = np.flatnonzero(known)
    if not len(rows):
        return found
    a, b = a[rows], b[rows]
    same = (names.family[a] == names.family[b]) & (names.count[a] > 0)
    differing, distance = names.differences(a, b, same)
    found[rows, names.relation(a, b)] = 1.0
    found[rows, -2] = np.where(same, 1.0 - differing / np.maximum(names.count[a], 1), 0.0)
    found[rows, -1] = np.log1p(distance)
    return found


def relative_fan_out(view: PairView) -> FloatArray:
    """Fan-out of the smaller net, and how many times larger the other's is."""
    fan_out = np.sort(np.log1p(view.structure.fan_out[view.nets]), axis=1)
    return np.column_stack([fan_out[:, 0], fan_out[:, 1] - fan_out[:, 0]])


def run_length(view: PairView) -> FloatArray:
    """Length the two nets may run along each other: the extent of the smaller one.

    A net spans the cells it joins, which lie together; its extent is the side of a square of their device
    area.
    """
    graph, circuit = view.graph, view.graph.circuit
    column = COLUMNS["terminal"]["joined_area"]
    owner = circuit.instance_definition[circuit.net_instance[view.nets]]
    row = graph.terminals.offset[owner] + circuit.net_local[view.nets]
    extent = np.sqrt(np.expm1(graph.terminal_features[row, column].astype(np.float64)))
    shorter: FloatArray = np.log1p(extent.min(axis=1))
    return shorter


@dataclass(frozen=True, slots=True)
class PairEncoding:
    """A group of columns and the function that fills them."""

    columns: tuple[Feature, ...]
    compute: Callable[[PairView], FloatArray]  # to [P, columns]


def _index_columns(what: str) -> tuple[Feature, ...]:
    relations = (Feature(f"{what}_{relation.name.lower()}", "0 or 1") for relation in IndexRelation)
    return (
        *relations,
        Feature(f"{what}_equal_coordinates", "share"),
        Feature(f"{what}_distance", "log coordinates"),
    )


PAIR_ENCODINGS = (
    PairEncoding(
        tuple(Feature(name, "0 or 1") for name in ("net_net", "pin_net", "pin_pin", "same_net")),
        relation_type,
    ),
    PairEncoding((Feature("same_device", "0 or 1"),), same_device),
    PairEncoding(
        tuple(Feature(f"shared_{_ROLE_GROUPS[a]}_{_ROLE_GROUPS[b]}", "log devices") for a, b in _ROLE_PAIRS),
        shared_devices,
    ),
    PairEncoding(tuple(Feature(f"touches_{group}", "sides") for group in _ROLE_GROUPS), touching_roles),
    PairEncoding(
        tuple(Feature(f"walks_{hops}", "log walks") for hops in range(1, MAX_HOPS + 1)), short_paths
    ),
    PairEncoding(
        (
            Feature("common_depth", "levels"),
            Feature("levels_apart", "levels"),
            Feature("same_instance", "0 or 1"),
            Feature("siblings", "0 or 1"),
            Feature("same_cell", "0 or 1"),
        ),
        common_instance,
    ),
    PairEncoding(_index_columns("net_index"), net_index_relation),
    PairEncoding(_index_columns("instance_index"), instance_index_relation),
    PairEncoding(
        (Feature("smaller_fan_out", "log pins"), Feature("fan_out_ratio", "log ratio")), relative_fan_out
    ),
    PairEncoding((Feature("run_length", "log channel lengths"),), run_length),
)


def pair_encoding_schema() -> tuple[Feature, ...]:
    """All columns in order."""
    return tuple(column for encoding in PAIR_ENCODINGS for column in encoding.columns)
