"""PyTorch Geometric data sets of labelled circuits: on disk and in memory.

Items are `HeteroData`. For a circuit with N nets, D devices and P pins:

    net.x [N, F]  device.x [D, F]  pin.x [P, F]        features, as `CircuitGraph`
    net.y [N]  pin.y [P]                               farad to ground; NaN where unknown
    (pin, of, device)  (pin, on, net)  (pin, tied, rail)          topology
    (net, n2n, net)  (pin, p2n, net)  (pin, p2p, pin)             targets: edge_index [2, E], y [E] farad

Target relations hold each coupling once and never take part in message passing. Names of nets and devices
are lists of texts; `name`, `technology` and `family` tell where an item comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Dataset, HeteroData

from circuitgcl.data.designs import Design
from circuitgcl.data.folders import open_design, read_data_set
from circuitgcl.data.labels import Ground
from circuitgcl.data.splits import Parts, named_families, split_families
from circuitgcl.errors import DataError

Transform = Callable[[HeteroData], HeteroData]

TARGET_RELATIONS = (("net", "n2n", "net"), ("pin", "p2n", "net"), ("pin", "p2p", "pin"))


class Level(StrEnum):
    """What couples."""

    NET = "net"  # whole nets: `n2n` alone
    PIN = "pin"  # metal of nets and device pins: all three relations, where the extraction tells them apart


def design_data(
    design: Design, *, ground: Ground = Ground.EQUIVALENT, level: Level = Level.NET, names: bool = True
) -> HeteroData:
    """A design as an item.

    Args:
        design: with or without labels; without, there are no targets.
        ground: which capacitance `net.y` and `pin.y` hold.
        level: what couples; a net-level extraction has empty `p2n` and `p2p` at pin level.
        names: give net and device names; they cost time and memory in large designs.
    """
    graph, labels, files = design.graph, design.labels, design.files
    data = graph.to_hetero()
    data.name, data.technology, data.family = files.name, files.technology, files.family
    if names:
        data["net"].name = graph.circuit.net_names()
        data["device"].name = graph.circuit.device_names()
    if labels is None:
        return data
    is_equivalent = ground is Ground.EQUIVALENT
    data["net"].y = _values(labels.load_farad if is_equivalent else labels.ground_farad)
    pins = labels.pins
    if level is Level.NET or pins is None:
        nothing = np.zeros((0, 2), np.int32), np.zeros(0)
        couplings = [(labels.pair, labels.coupling_farad), *([nothing] * 2 if level is Level.PIN else [])]
    else:
        couplings = [
            (pins.metal_pair, pins.metal_farad),
            (pins.pin_net_pair, pins.pin_net_farad),
            (pins.pin_pair, pins.pin_pair_farad),
        ]
        data["pin"].y = _values(pins.pin_load_farad if is_equivalent else pins.pin_ground_farad)
    if level is Level.PIN and pins is None:
        data["pin"].y = torch.full((graph.circuit.pin_count,), torch.nan)
    for relation, (pair, farad) in zip(TARGET_RELATIONS, couplings, strict=False):
        data[relation].edge_index = torch.from_numpy(np.ascontiguousarray(pair.T, np.int64))
        data[relation].y = _values(farad)
    return data


def _values(farad: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(farad.astype(np.float32))


class CircuitDataset(Dataset):  # type: ignore[misc]  # torch_geometric is untyped
    """A data set on disk: an item is read when it is asked for.

    Slices, index lists and `shuffle()` give parts of the data set, as in every `torch_geometric` data set.

    Args:
        folder: what `circuitgcl dataset build` wrote.
        ground: which capacitance `net.y` and `pin.y` hold.
        level: what couples.
        names: give net and device names.
        transform: applied to every item when it is taken.

    Raises:
        DataError: no data set, a damaged one, or one of another schema.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        ground: Ground | str = Ground.EQUIVALENT,
        level: Level | str = Level.NET,
        names: bool = True,
        transform: Transform | None = None,
    ) -> None:
        self.files = read_data_set(folder)
        self._form: dict[str, Any] = {"ground": Ground(ground), "level": Level(level), "names": names}
        super().__init__(str(folder), transform, log=False)

    def len(self) -> int:
        """Number of designs in the folder."""
        return len(self.files)

    def get(self, idx: int) -> HeteroData:
        """Item of a design of the folder.

        Raises:
            DataError: its file is damaged or was changed.
        """
        return design_data(open_design(self.files[idx]), **self._form)

    @property
    def families(self) -> list[str]:
        """Family of every item."""
        return [self.files[index].family for index in self.indices()]

    @property
    def design_names(self) -> list[str]:
        """Name of every item."""
        return [self.files[index].name for index in self.indices()]

    def split(
        self,
        fractions: Mapping[str, float] | None = None,
        *,
        named: Mapping[str, Sequence[str]] | None = None,
        seed: int = 0,
    ) -> dict[str, CircuitDataset]:
        """Parts of the data set that share no family.

        Args:
            fractions: share of each part, counted in bytes of the designs, as `{"train": 0.8, "test": 0.2}`.
            named: or glob patterns of the families of each part; the others are `train`.
            seed: chooses which families go where.

        Raises:
            DataError: neither or both are given, or as `split_families` and `named_families`.
        """
        if (fractions is None) == (named is None):
            raise DataError("a split needs fractions or named families, one of the two")
        if fractions is not None:
            sizes = [self.files[index].bytes for index in self.indices()]
            parts: Parts = split_families(self.families, fractions, sizes=sizes, seed=seed)
        else:
            parts = named_families(self.families, named or {})
        return {name: self.index_select(places.tolist()) for name, places in parts.items()}


class InMemoryCircuitDataset(CircuitDataset):
    """A data set in memory: an item is read once, when it is first asked for, and shared by all parts."""

    def __init__(self, folder: str | Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self._items: dict[int, HeteroData] = {}

    def get(self, idx: int) -> HeteroData:
        """Item of a design of the folder; a shallow copy, so that transforms leave the kept one alone."""
        if idx not in self._items:
            self._items[idx] = super().get(idx)
        return self._items[idx].__copy__()
