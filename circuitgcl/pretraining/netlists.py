"""Unlabelled netlists as circuit graphs, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from circuitgcl.errors import CircuitGCLError, OnError
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist


def read_circuits(
    paths: Iterable[Path],
    *,
    dialect: str | None = None,
    rails: Sequence[str] = (),
    on_error: OnError = OnError.RAISE,
    skipped: Callable[[Path, CircuitGCLError], None] | None = None,
) -> Iterator[CircuitGraph]:
    """Graphs of netlists; each is read when it is asked for, so that only one need be in memory.

    Args:
        paths: netlists, plain or gzip'd.
        dialect: a dialect name; detected from the text of each file when absent.
        rails: glob patterns of rails, as `build_graph`.
        on_error: whether a netlist that cannot be read ends the reading, or is left out; then statements
            that cannot be read are left out, too.
        skipped: told of every netlist left out, and why.

    Raises:
        NetlistError: a netlist cannot be read and `on_error` is to raise.
    """
    for path in paths:
        try:
            netlist = read_netlist(path, dialect=dialect, on_error=on_error)
            graph = build_graph(flatten(netlist), rails=rails)
        except CircuitGCLError as error:
            if on_error is OnError.RAISE:
                raise
            if skipped is not None:
                skipped(path, error)
            continue
        yield graph
