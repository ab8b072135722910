"""Nested `.if` blocks while a netlist is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from circuitgcl.netlist.expressions import ExpressionError, unquoted

MAX_CONDITION_LENGTH = 4096

Decide = Callable[[str], bool | None]  # truth of an expression, `None` while it cannot be told


@dataclass(slots=True)
class _Block:
    """One open `.if`."""

    reads: bool  # whether the branch being read can be taken at all
    branch: str = ""  # expression that must still hold in this branch; empty where it certainly does
    earlier: list[str] = field(default_factory=list)  # undecided conditions of the branches before
    is_settled: bool = False  # an earlier branch is certainly taken


class Conditions:
    """The `.if` blocks that are open around the next statement, innermost last."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    def __len__(self) -> int:
        return len(self._blocks)

    def begin(self, expression: str, decide: Decide) -> None:
        """Enter the first branch of a block."""
        self._blocks.append(_Block(reads=not self.is_skipping))
        self._enter(expression, decide)

    def begin_else(self, expression: str, decide: Decide) -> None:
        """Enter the next branch of the innermost block; one without an expression is the last."""
        block = self._blocks[-1]
        if block.branch:
            block.earlier.append(block.branch)
        elif block.reads:
            block.is_settled = True
        block.branch = ""
        block.reads = not block.is_settled and all(outer.reads for outer in self._blocks[:-1])
        if expression:
            self._enter(expression, decide)

    def end(self) -> None:
        """Leave the innermost block."""
        self._blocks.pop()

    def end_to(self, depth: int) -> None:
        """Leave all blocks but the outermost few."""
        del self._blocks[depth:]

    def _enter(self, expression: str, decide: Decide) -> None:
        block = self._blocks[-1]
        if not block.reads:
            return
        block.reads = False  # also when it cannot be decided for an error
        decided = decide(expression)
        if decided is None:
            block.branch = unquoted(expression)
            if len(self.expression) > MAX_CONDITION_LENGTH:  # every card below would carry it
                block.branch = ""
                raise ExpressionError(
                    "with the conditions before and around it, more than "
                    f"{MAX_CONDITION_LENGTH:,} characters are undecided"
                )
        block.reads = decided is None or decided

    @property
    def is_skipping(self) -> bool:
        """Whether the next statement stands in a branch that is certainly not taken."""
        return any(not block.reads for block in self._blocks)

    @property
    def expression(self) -> str:
        """What must hold for the next statement; empty where it always stands."""
        parts: list[str] = []
        for block in self._blocks:
            parts += [f"!({earlier})" for earlier in block.earlier]
            parts += [f"({block.branch})"] if block.branch else []
        return "&&".join(parts)
