"""Boosted regression trees as tensors: several members that each estimate contributions of contexts.

The trees are grown by scikit-learn (`circuitgcl.finetuning.tree_fitting`) and kept as flat arrays of nodes,
so a checkpoint holds numbers only, and an estimate needs nothing but torch. Members differ by the designs
they were grown on; where they disagree, nothing like it was among these designs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ROWS_AT_ONCE = 1 << 11  # their places in all trees fit into a processor's cache
NODE_TABLES = ("column", "threshold", "below", "above", "value")


class ContributionTrees(nn.Module):
    """Trees of several members; what a member says is the sum of its trees.

    Node i of a tree sends a row on to `below[i]` where its input `column[i]` is at most `threshold[i]`, else
    to `above[i]`; a leaf sends it to itself. Children come after their parents.

    Shapes:
        column, threshold, below, above, value `[nodes]`; root, member `[trees]`
    """

    column: Tensor  # int32, input that a node reads
    threshold: Tensor
    below: Tensor  # int32
    above: Tensor  # int32
    value: Tensor  # natural logarithm that a leaf adds
    root: Tensor  # int32, first node of every tree
    member: Tensor  # int32, whose tree it is

    def __init__(self) -> None:
        super().__init__()
        for name in (*NODE_TABLES, "root", "member"):
            kind = torch.float32 if name in ("threshold", "value") else torch.int32
            self.register_buffer(name, torch.zeros(0, dtype=kind))

    @property
    def is_empty(self) -> bool:
        """Whether there is no tree."""
        return not len(self.root)

    @property
    def members(self) -> int:
        """Number of members."""
        return int(self.member.max()) + 1 if len(self.member) else 0

    def forward(self, inputs: Tensor) -> Tensor:
        """Estimates of all members, [K, members], of inputs [K, F]."""
        if self.is_empty:
            return inputs.new_zeros(len(inputs), 0)
        return torch.cat([self._block(part) for part in torch.split(inputs, ROWS_AT_ONCE)])

    def _block(self, inputs: Tensor) -> Tensor:
        rows, trees = len(inputs), len(self.root)
        node = self.root.repeat(rows)
        number = torch.arange(rows, dtype=node.dtype, device=node.device)
        start = (number * inputs.shape[1]).repeat_interleave(trees)
        numbers = inputs.reshape(-1)
        while True:
            read = numbers.index_select(0, self.column.index_select(0, node) + start)
            is_below = read <= self.threshold.index_select(0, node)
            below, above = self.below.index_select(0, node), self.above.index_select(0, node)
            following = torch.where(is_below, below, above)
            if torch.equal(following, node):
                break
            node = following
        said = self.value.index_select(0, node).reshape(rows, trees)
        return inputs.new_zeros(rows, self.members).index_add(1, self.member, said)

    def joined(self, other: ContributionTrees) -> ContributionTrees:
        """Both together: what they say of a row adds up, member by member."""
        nodes = len(self.value)
        found = ContributionTrees()
        for name in ("column", "threshold", "value", "member"):
            setattr(found, name, torch.cat([getattr(self, name), getattr(other, name)]))
        for name in ("below", "above", "root"):
            setattr(found, name, torch.cat([getattr(self, name), getattr(other, name) + nodes]))
        return found

    def check(self, columns: int) -> None:
        """Refuse tables that no walk through them may be trusted with.

        Raises:
            ValueError: tables of different length, a column that inputs do not have, a root or a member that
                there is not, a node with one child, or one whose child is missing or stands before it, which
                a walk might never leave.
        """
        nodes, trees = len(self.value), len(self.root)
        if any(len(getattr(self, name)) != nodes for name in NODE_TABLES) or len(self.member) != trees:
            raise ValueError("tables of trees differ in length")
        number = torch.arange(nodes)
        for child in (self.below, self.above):
            if bool(((child < number) | (child >= nodes)).any()):
                raise ValueError("a tree has a node whose child is missing or stands before it")
        is_inner = self.below != number
        if bool(((self.above != number) != is_inner).any()):
            raise ValueError("a tree has a node with one child")
        for name, table, bound in (
            ("column", self.column, columns),
            ("root", self.root, nodes),
            ("member", self.member, trees),
        ):
            if bool(((table < 0) | (table >= bound)).any()):
                raise ValueError(f"a tree has a {name} outside 0 to {bound - 1}")
