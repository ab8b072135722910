"""Designs: a schematic with, for training and evaluation, what an extractor found in its layout."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitgcl.data.labels import Labels, label_nets
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import read_parasitics


@dataclass(frozen=True, kw_only=True)
class DesignFiles:
    """Where a design lies and what it belongs to."""

    name: str
    schematic: Path
    extracted: Path | None = None
    technology: str = ""
    family: str = ""  # designs of one family share layout and never stand on both sides of a split


@dataclass(frozen=True, kw_only=True)
class Design:
    """A design in memory."""

    files: DesignFiles
    graph: CircuitGraph
    labels: Labels | None


def load_design(files: DesignFiles, *, top: str | None = None, rails: Sequence[str] = ()) -> Design:
    """Read, flatten, build and label one design.

    Raises:
        NetlistError: the schematic is unreadable.
        ParasiticsError: the extraction is unreadable or does not match the schematic.
    """
    graph = build_graph(flatten(read_netlist(files.schematic), top), rails=rails)
    labels = None if files.extracted is None else label_nets(graph, read_parasitics(files.extracted))
    return Design(files=files, graph=graph, labels=labels)


def chosen(designs: Sequence[DesignFiles], patterns: Sequence[str]) -> tuple[DesignFiles, ...]:
    """Designs whose name matches one of the glob patterns; all when there is none.

    Raises:
        DataError: nothing is left.
    """
    kept = tuple(d for d in designs if not patterns or any(fnmatch.fnmatchcase(d.name, p) for p in patterns))
    if not kept:
        raise DataError(
            f"no design matches {', '.join(patterns)}; known: {', '.join(d.name for d in designs)}"
        )
    return kept


def without(designs: Sequence[DesignFiles], patterns: Sequence[str]) -> tuple[DesignFiles, ...]:
    """Designs whose name matches none of the glob patterns.

    Raises:
        DataError: nothing is left.
    """
    kept = tuple(d for d in designs if not any(fnmatch.fnmatchcase(d.name, p) for p in patterns))
    if not kept:
        raise DataError(f"{', '.join(patterns)} leaves no design")
    return kept


_MANIFEST_KEYS = ("name", "schematic", "extracted", "technology", "family")


def read_manifest(path: str | Path) -> tuple[DesignFiles, ...]:
    """Designs listed in a TOML manifest, `[[design]]` tables with paths relative to the manifest.

    Raises:
        DataError: no readable manifest, a missing or unknown key, two designs of one name, or a listed file
            that does not exist.
    """
    path = Path(path)
    here = SourceLocation(str(path), 0)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"manifest {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"not a readable TOML manifest: {error}", location=here) from None
    entries = tree.get("design")
    if not isinstance(entries, list) or not entries:
        raise DataError("the manifest lists no [[design]]", location=here)
    designs = tuple(_design_files(entry, path) for entry in entries)
    names = [files.name for files in designs]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"two designs are called {name!r}; give each a name of its own", location=here)
    return designs


def _design_files(entry: Any, path: Path) -> DesignFiles:
    here = SourceLocation(str(path), 0)
    if not isinstance(entry, dict):
        raise DataError(f"{entry!r} stands where a [[design]] table is expected", location=here)
    for key, value in entry.items():
        if key not in _MANIFEST_KEYS:
            known = ", ".join(_MANIFEST_KEYS)
            raise DataError(f"unknown key {key!r} in a [[design]]; known: {known}", location=here)
        if not isinstance(value, str):
            raise DataError(f"{key} = {value!r} in a [[design]] is no text", location=here)
    if not entry.get("schematic"):
        raise DataError("a [[design]] has no schematic", location=here)
    schematic = path.parent / entry["schematic"]
    extracted = path.parent / entry["extracted"] if entry.get("extracted") else None
    for file in (schematic, extracted):
        if file is not None and not file.is_file():
            raise DataError(f"listed file {file} does not exist", location=here)
    name = entry.get("name") or schematic.name.split(".")[0]
    return DesignFiles(
        name=name,
        schematic=schematic,
        extracted=extracted,
        technology=entry.get("technology", ""),
        family=entry.get("family") or name.split("__")[0],
    )
