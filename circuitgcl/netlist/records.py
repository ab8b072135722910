"""Records of the netlist room: the hierarchical `Netlist` as read, and the `FlatCircuit` as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import SourceLocation
from circuitgcl.schema import DeviceType

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

HIERARCHY_SEPARATOR = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCard:
    """One primitive element as written."""

    name: str
    device_type: DeviceType
    nodes: tuple[str, ...]  # SPICE terminal order
    model: str  # empty for a plain R, C or L
    parameters: Mapping[str, str]  # lower-case name -> expression text
    location: SourceLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCard:
    """One subcircuit instance as written."""

    name: str
    nodes: tuple[str, ...]
    subcircuit: str
    parameters: Mapping[str, str]
    location: SourceLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCard:
    """A card that was read but carries nothing the circuit needs."""

    kind: str
    location: SourceLocation


@dataclass(slots=True, kw_only=True)
class Subcircuit:
    """A subcircuit definition; the file's own top level is one without ports."""

    name: str
    ports: tuple[str, ...]
    defaults: dict[str, str]  # header parameters: lower-case name -> expression text
    location: SourceLocation
    scope: tuple[str, ...] = ()  # case-folded names of the enclosing definitions, outermost first
    parameters: dict[str, str] = field(default_factory=dict)  # local .param
    functions: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)  # .func: arguments, body
    models: dict[str, DeviceType] = field(default_factory=dict)  # .model name -> type
    devices: list[DeviceCard] = field(default_factory=list)
    instances: list[InstanceCard] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the body holds neither a device nor an instance."""
        return not self.devices and not self.instances


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A hierarchical netlist as read from its files; nothing is elaborated yet."""

    name: str  # file stem
    path: str
    main: Subcircuit  # what stands outside every definition
    subcircuits: Mapping[tuple[str, ...], Subcircuit]  # qualified case-folded name -> definition
    global_nets: tuple[str, ...]
    scale: float  # `.option scale`: metres per drawn unit of W and L
    skipped_cards: tuple[SkippedCard, ...]
    warnings: tuple[str, ...]

    def find(self, name: str, scope: tuple[str, ...] = ()) -> Subcircuit | None:
        """Definition visible under `name` from inside `scope`, innermost first."""
        key = name.casefold()
        for depth in range(len(scope), -1, -1):
            found = self.subcircuits.get((*scope[:depth], key))
            if found is not None:
                return found
        return None


@dataclass(frozen=True, kw_only=True)
class DeviceTable:
    """Distinct device cards after parameter evaluation, K rows; lengths in metres, absent values NaN.

    A flat circuit of a million transistors has a few thousand rows here, and refers to them by index.
    """

    device_type: NDArray[np.int8]  # [K] DeviceType
    model: IntArray  # [K] index into model_names
    model_names: tuple[str, ...]
    name: tuple[str, ...]  # [K] card name as spelled, unique within its definition
    pins: IntArray  # [K] number of terminals
    width_m: FloatArray  # [K] drawn width of all fingers together
    length_m: FloatArray  # [K]
    fingers: FloatArray  # [K] at least 1
    multiplier: FloatArray  # [K] parallel copies, through all levels
    area_m2: FloatArray  # [K] junction or plate area
    perimeter_m: FloatArray  # [K]
    value: FloatArray  # [K] ohm, farad or henry

    def __len__(self) -> int:
        return len(self.device_type)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One elaborated subcircuit body: a definition under one set of parameter values.

    Its nets are numbered locally: ports first, then the global nets it uses, then internal nets.
    """

    name: str
    net_labels: tuple[str, ...]  # [n] as spelled
    port_count: int
    global_count: int
    device_card: IntArray  # [d] rows of the DeviceTable
    pin_offset: NDArray[np.int64]  # [d + 1]
    pin_net: IntArray  # [p] local net of each own device's terminal
    child_definition: IntArray  # [c] index into FlatCircuit.definitions
    child_names: tuple[str, ...]  # [c]
    child_instance: NDArray[np.int64]  # [c] instance number of the child relative to this instance
    child_net_offset: NDArray[np.int64]  # [c + 1]
    child_net: IntArray  # local net at each port of each child, then at each of its global nets
    location: SourceLocation

    @property
    def net_count(self) -> int:
        """Number of local nets."""
        return len(self.net_labels)


@dataclass(frozen=True, kw_only=True)
class FlatCircuit:
    """A flattened circuit as structure of arrays.

    D devices, P pins, N nets, I instances (instance 0 is the top itself, then depth first), T terminals
    (one row per instance and local net). Names are rebuilt from the hierarchy only when asked for.
    """

    name: str
    path: str
    table: DeviceTable
    definitions: tuple[Definition, ...]
    device_card: IntArray  # [D]
    device_instance: IntArray  # [D]
    pin_offset: NDArray[np.int64]  # [D + 1]
    pin_net: IntArray  # [P]
    net_instance: IntArray  # [N] instance that owns the net
    net_local: IntArray  # [N] local net number in that instance
    instance_definition: IntArray  # [I]
    instance_parent: IntArray  # [I], -1 for the top
    instance_child: IntArray  # [I] position among the parent's children
    terminal_offset: NDArray[np.int64]  # [I + 1]
    terminal_net: IntArray  # [T] flat net of every local net of every instance
    global_nets: tuple[str, ...]
    skipped_cards: tuple[SkippedCard, ...]
    warnings: tuple[str, ...]

    @property
    def device_count(self) -> int:
        """Number of flat devices D."""
        return len(self.device_card)

    @property
    def net_count(self) -> int:
        """Number of flat nets N."""
        return len(self.net_instance)

    @property
    def pin_count(self) -> int:
        """Number of device terminals P."""
        return len(self.pin_net)

    @cached_property
    def pin_device(self) -> IntArray:
        """Device of every pin, [P]."""
        return np.repeat(np.arange(self.device_count, dtype=np.int32), np.diff(self.pin_offset))

    @cached_property
    def pin_position(self) -> IntArray:
        """SPICE position of every pin in its device, [P], from 0."""
        starts = np.repeat(self.pin_offset[:-1], np.diff(self.pin_offset))
        return (np.arange(self.pin_count) - starts).astype(np.int32)

    @cached_property
    def instance_paths(self) -> list[str]:
        """Hierarchical name of every instance, [I]; the top's is empty."""
        paths = [""] * len(self.instance_parent)
        definitions = self.definitions
        parents, children = self.instance_parent.tolist(), self.instance_child.tolist()
        owners = self.instance_definition.tolist()
        for instance in range(1, len(paths)):
            parent = parents[instance]
            label = definitions[owners[parent]].child_names[children[instance]]
            paths[instance] = f"{paths[parent]}{HIERARCHY_SEPARATOR}{label}" if parent else label
        return paths

    def net_names(self, nets: Iterable[int] | None = None) -> list[str]:
        """Flat names, `/` between instance names, spelled as in the file."""
        paths, definitions, owners = self.instance_paths, self.definitions, self.instance_definition
        chosen = range(self.net_count) if nets is None else nets
        names = []
        for net in chosen:
            instance = self.net_instance[net]
            label = definitions[owners[instance]].net_labels[self.net_local[net]]
            names.append(f"{paths[instance]}{HIERARCHY_SEPARATOR}{label}" if instance else label)
        return names

    def device_names(self, devices: Iterable[int] | None = None) -> list[str]:
        """Flat device names, `/` between instance names."""
        paths = self.instance_paths
        chosen = range(self.device_count) if devices is None else devices
        names = []
        for device in chosen:
            path, label = paths[self.device_instance[device]], self.table.name[self.device_card[device]]
            names.append(f"{path}{HIERARCHY_SEPARATOR}{label}" if path else label)
        return names
