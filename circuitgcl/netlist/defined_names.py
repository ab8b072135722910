"""What a file defines anywhere in it, for the few cards that cannot be understood without."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cached_property

_CELL = re.compile(r"^[ \t]*\.(?:subckt|macro)[ \t]+(\S+)", re.I | re.M)
_VERTICAL_MODEL = re.compile(r"^[ \t]*\.model[ \t]+(\S+)[ \t]+vdmos\b", re.I | re.M)


class DefinedNames:
    """Names that a file defines; it is searched when the first of them is asked for.

    Args:
        text: the file.
        fold: how names compare.
        vertical_models: folded names of further models of vertical transistors, from files before it.
    """

    def __init__(self, text: str, fold: Callable[[str], str], vertical_models: Collection[str] = ()) -> None:
        self._text, self._fold, self._vertical_before = text, fold, vertical_models

    def is_cell(self, name: str) -> bool:
        """Whether a subcircuit has this name."""
        return self._fold(name) in self._cells

    def is_vertical(self, model: str) -> bool:
        """Whether a model is one of vertical transistors, which have no bulk."""
        folded = self._fold(model)
        return folded in self._vertical_before or folded in self._vertical

    @cached_property
    def _cells(self) -> frozenset[str]:
        return frozenset(map(self._fold, _CELL.findall(self._text)))

    @cached_property
    def _vertical(self) -> frozenset[str]:
        return frozenset(map(self._fold, _VERTICAL_MODEL.findall(self._text)))
