"""One circuit graph in one file of plain arrays."""

from __future__ import annotations

from pathlib import Path

from circuitgcl.data.array_files import read_arrays, write_arrays
from circuitgcl.data.columns import from_columns, layout_of, to_columns
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph import CircuitGraph, feature_schema

_KIND = "circuitgcl graph"


def _schema() -> str:
    return f"{feature_schema.SCHEMA_VERSION}.{layout_of(CircuitGraph)}"


def save_graph(graph: CircuitGraph, path: str | Path) -> None:
    """Write a circuit graph, names included, as `.safetensors`.

    Raises:
        DataError: the file cannot be written.
    """
    write_arrays(Path(path), to_columns(graph), {"kind": _KIND, "schema": _schema()})


def load_graph(path: str | Path) -> CircuitGraph:
    """Read a circuit graph that `save_graph` wrote; it is checked against itself.

    Raises:
        DataError: missing, damaged, no circuit graph, or of another schema.
    """
    here = SourceLocation(str(path), 0)
    arrays, metadata = read_arrays(Path(path))
    if metadata.get("kind") != _KIND:
        raise DataError(
            f"the file holds {metadata.get('kind', 'something else')!r}, no circuit graph", location=here
        )
    if metadata.get("schema") != _schema():
        raise DataError(
            f"the graph has schema {metadata.get('schema')}, this program {_schema()}; build it again",
            location=here,
        )
    try:
        graph = from_columns(CircuitGraph, arrays)
        graph.validate()
    except DataError as error:
        raise DataError(str(error), location=here) from None
    return graph
