"""Memory of contexts: what was measured once for a cell is found again in any design that uses the cell.

A context's contribution is looked up by the hash of its exact content; failing that, the estimate of trees or
network is shifted by what was learned for contexts of the same structure; failing that, it stands alone.
Keys are salted, so a model file does not disclose the netlists it has seen.
"""

from __future__ import annotations

import copy
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Source(IntEnum):
    """Where an estimate comes from."""

    MEMORY = 0  # a context of exactly this content was in the training designs
    CLASS = 1  # one of the same structure was
    NETWORK = 2  # neither


def salted(keys: NDArray[np.int64], salt: int) -> NDArray[np.int64]:
    """Keys scrambled with a salt (the finalizer of SplitMix64, Steele et al., OOPSLA 2014)."""
    mixed = keys.view(np.uint64) ^ np.uint64(salt % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.ascontiguousarray(mixed ^ (mixed >> np.uint64(31))).view(np.int64)


class ContextMemory(nn.Module):
    """Two sorted key-value tables, exact and structural.

    Values are natural logarithms: exact ones replace an estimate, structural ones are added to it.
    """

    exact_keys: Tensor  # [E] int64, salted, sorted
    exact_values: Tensor  # [E]
    structural_keys: Tensor  # [S] int64, salted, sorted
    structural_values: Tensor  # [S]
    salt: Tensor  # int64

    def __init__(self, exact: int = 0, structural: int = 0, salt: int = 0) -> None:
        super().__init__()
        self.register_buffer("exact_keys", torch.zeros(exact, dtype=torch.int64))
        self.register_buffer("exact_values", torch.zeros(exact))
        self.register_buffer("structural_keys", torch.zeros(structural, dtype=torch.int64))
        self.register_buffer("structural_values", torch.zeros(structural))
        self.register_buffer("salt", torch.tensor(salt, dtype=torch.int64))

    def forward(self, network: Tensor, exact: Tensor, structural: Tensor) -> tuple[Tensor, Tensor]:
        """Combine the estimate of trees or network with the memory.

        Args:
            network: [K] logarithm of that estimate.
            exact: [K] unsalted exact keys.
            structural: [K] unsalted structural keys.

        Returns:
            [K] logarithm of the contribution and [K] `Source`.
        """
        salt = int(self.salt)
        row_exact, hit_exact = _find(self.exact_keys, exact, salt)
        row_class, hit_class = _find(self.structural_keys, structural, salt)
        value = network
        if len(self.structural_values):
            value = value + torch.where(hit_class, self.structural_values[row_class], 0.0)
        if len(self.exact_values):
            value = torch.where(hit_exact, self.exact_values[row_exact], value)
        source = torch.full_like(exact, int(Source.NETWORK))
        source[hit_class] = int(Source.CLASS)
        source[hit_exact] = int(Source.MEMORY)
        return value, source

    @classmethod
    def from_arrays(
        cls,
        exact_keys: NDArray[np.int64],
        exact_values: NDArray[np.float32],
        structural_keys: NDArray[np.int64],
        structural_values: NDArray[np.float32],
        salt: int,
    ) -> ContextMemory:
        """Memory of unsalted keys and their values."""
        memory = cls(len(exact_keys), len(structural_keys), salt)
        for name, keys, values in (
            ("exact", exact_keys, exact_values),
            ("structural", structural_keys, structural_values),
        ):
            hidden = salted(keys, salt)
            order = np.argsort(hidden)
            getattr(memory, f"{name}_keys").copy_(torch.from_numpy(hidden[order]))
            getattr(memory, f"{name}_values").copy_(torch.from_numpy(values[order]))
        return memory

    def shifted(self, exact: float, structural: float) -> ContextMemory:
        """The same memory with all its values moved."""
        moved = copy.deepcopy(self)
        moved.exact_values += exact
        moved.structural_values += structural
        return moved

    def merged(
        self,
        exact_keys: NDArray[np.int64],
        exact_values: NDArray[np.float32],
        structural_keys: NDArray[np.int64],
        structural_offsets: NDArray[np.float32],
        salt: int,
    ) -> ContextMemory:
        """A memory that holds more: new exact values replace old ones, structural offsets add to them.

        Args:
            exact_keys: [E] unsalted.
            exact_values: [E].
            structural_keys: [S] unsalted.
            structural_offsets: [S].
            salt: of the new memory where this one is empty and has none.
        """
        salt = int(self.salt) or salt
        new_exact = salted(exact_keys, salt)
        new_class = salted(structural_keys, salt)
        row, known = (part.numpy() for part in _row_of(self.structural_keys, torch.from_numpy(new_class)))
        old = self.structural_values.numpy()
        new_offsets = structural_offsets + (np.where(known, old[row], 0.0) if len(old) else 0.0)
        tables = (
            ("exact", self.exact_keys, self.exact_values, new_exact, exact_values),
            ("structural", self.structural_keys, self.structural_values, new_class, new_offsets),
        )
        found = ContextMemory(salt=salt)
        for name, keys, values, new_keys, new_values in tables:
            found._fill(name, *_union(keys.numpy(), values.numpy(), new_keys, new_values))
        return found

    def over(self, older: ContextMemory) -> ContextMemory:
        """This memory, and of an older one of the same salt what this one does not know.

        Raises:
            ValueError: the salts differ, so equal contexts have different keys.
        """
        if int(self.salt) != int(older.salt):
            raise ValueError("memories of two salts cannot be joined")
        found = ContextMemory(salt=int(self.salt))
        for name in ("exact", "structural"):
            parts = f"{name}_keys", f"{name}_values"
            tables = [getattr(memory, part).numpy() for memory in (older, self) for part in parts]
            found._fill(name, *_union(*tables))
        return found

    def _fill(self, name: str, keys: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        setattr(self, f"{name}_keys", torch.from_numpy(keys))
        setattr(self, f"{name}_values", torch.from_numpy(values))


def _union(
    keys: NDArray[np.int64],
    values: NDArray[np.float32],
    new_keys: NDArray[np.int64],
    new_values: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Sorted table of both; new values replace old ones."""
    kept = ~np.isin(keys, new_keys)
    all_keys = np.concatenate([keys[kept], new_keys])
    all_values = np.concatenate([values[kept], new_values]).astype(np.float32)
    order = np.argsort(all_keys)
    return all_keys[order], all_values[order]


def _find(table: Tensor, keys: Tensor, salt: int) -> tuple[Tensor, Tensor]:
    """Row of every key in a sorted table, and whether it is there."""
    return _row_of(table, torch.from_numpy(salted(keys.cpu().numpy(), salt)).to(table.device))


def _row_of(table: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """As `_find`, of salted keys."""
    if not len(table):
        return torch.zeros_like(hidden), torch.zeros_like(hidden, dtype=torch.bool)
    row = torch.searchsorted(table, hidden).clamp(max=len(table) - 1)
    return row, table[row] == hidden
