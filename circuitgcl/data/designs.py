"""Designs: a schematic with, for training and evaluation, what an extractor found in its layout."""

from __future__ import annotations

import difflib
import fnmatch
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from circuitgcl.data.labels import Labels, label_nets
from circuitgcl.errors import DataError, NetlistError, SourceLocation
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.graph.stable_hashing import hash64
from circuitgcl.netlist import FlatCircuit, Netlist, flatten, read_netlist
from circuitgcl.parasitics import Parasitics, read_name_map, read_parasitics


@dataclass(frozen=True, kw_only=True)
class DesignFiles:
    """Where a design lies, what it belongs to, and how it is read."""

    name: str
    schematic: Path
    extracted: Path | None = None
    technology: str = ""
    family: str = ""  # designs of one family share layout and never stand on both sides of a split
    licence: str = ""
    top: str = ""  # top cell of the schematic; chosen when empty
    rails: tuple[str, ...] = ()  # glob patterns of rail names; recognised when empty
    ground: tuple[str, ...] = ()  # extracted nets besides `0` that are the reference node
    name_map: Path | None = None  # extracted and schematic names, where these differ beyond spelling


@dataclass(frozen=True, kw_only=True)
class Design:
    """A design in memory."""

    files: DesignFiles
    graph: CircuitGraph
    labels: Labels | None

    @property
    def content(self) -> str:
        """Hash of what the schematic contains, whatever files and cells are called."""
        circuit = self.graph.circuit
        keys = self.graph.terminals.key_exact[terminal_rows(circuit, self.graph.terminals)]
        return f"{hash64((circuit.net_count, circuit.device_count, keys.sum())):016x}"


Files = TypeVar("Files", bound=DesignFiles)


def load_design(files: DesignFiles, *, top: str | None = None, rails: Sequence[str] = ()) -> Design:
    """Read, flatten, build and label one design from its source files.

    Args:
        files: the design; its own top cell and rails hold where none is given here.
        top: top cell of the schematic.
        rails: glob patterns of rail names.

    Raises:
        NetlistError: the schematic is unreadable.
        ParasiticsError: the extraction is unreadable or does not match the schematic.
    """
    return design_of(files, read_netlist(files.schematic), top=top, rails=rails)


def design_of(
    files: DesignFiles, netlist: Netlist, *, top: str | None = None, rails: Sequence[str] = ()
) -> Design:
    """Flatten, build and label a design whose schematic is read already; the rest as `load_design`."""
    graph = build_graph(flatten(netlist, top or files.top or None), rails=rails or files.rails)
    if files.extracted is None:
        return Design(files=files, graph=graph, labels=None)
    parasitics = read_parasitics(files.extracted, ground_names=files.ground)
    name_map = None if files.name_map is None else read_name_map(files.name_map)
    layout = partial(_extracted_devices, files.extracted, parasitics)
    labels = label_nets(graph, parasitics, name_map=name_map, layout=layout)
    return Design(files=files, graph=graph, labels=labels)


def _extracted_devices(path: Path, parasitics: Parasitics) -> FlatCircuit | None:
    """Devices of an extraction that is a netlist with devices."""
    has_devices = parasitics.pin_names or any(card.kind[:1] in "MXQ" for card in parasitics.skipped_cards)
    if not has_devices:
        return None
    try:
        return flatten(read_netlist(path))
    except NetlistError:  # another format; what names and pins tell has to do
        return None


def chosen(designs: Sequence[Files], patterns: Sequence[str]) -> tuple[Files, ...]:
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


def without(designs: Sequence[Files], patterns: Sequence[str]) -> tuple[Files, ...]:
    """Designs whose name matches none of the glob patterns.

    Raises:
        DataError: nothing is left.
    """
    kept = tuple(d for d in designs if not any(fnmatch.fnmatchcase(d.name, p) for p in patterns))
    if not kept:
        raise DataError(f"{', '.join(patterns)} leaves no design")
    return kept


_TEXT_KEYS = ("name", "schematic", "extracted", "technology", "family", "licence", "top", "map")
_LIST_KEYS = ("rails", "ground")
_FILE_KEYS = ("schematic", "extracted", "map")
_TABLE = re.compile(r"[ \t]*\[\[\s*design\s*\]\]")


def read_manifest(path: str | Path) -> tuple[DesignFiles, ...]:
    """Designs listed in a TOML manifest, `[[design]]` tables with paths relative to the manifest.

    Raises:
        DataError: no readable manifest, a missing or unknown key, two designs of one name, or a listed file
            that does not exist.
    """
    path = Path(path)
    here = SourceLocation(str(path), 0)
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        raise DataError(f"manifest {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"not a readable TOML manifest: {error}", location=here) from None
    entries = tree.get("design")
    if not isinstance(entries, list) or not entries:
        raise DataError("the manifest lists no [[design]]", location=here)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _TABLE.match(line)]
    if len(lines) != len(entries):  # written as one inline array
        lines = [0] * len(entries)
    places = [SourceLocation(str(path), line) for line in lines]
    designs = tuple(_design_files(e, path.parent, place) for e, place in zip(entries, places, strict=True))
    first: dict[str, int] = {}
    for number, files in enumerate(designs):
        if first.setdefault(files.name, number) != number:
            raise DataError(
                f"two designs are called {files.name!r}; give each a name of its own", location=places[number]
            )
    return designs


def _design_files(entry: Any, folder: Path, place: SourceLocation) -> DesignFiles:
    if not isinstance(entry, dict):
        raise DataError(f"{entry!r} stands where a [[design]] table is expected", location=place)
    for key, value in entry.items():
        _check_entry(key, value, place)
    if not entry.get("schematic"):
        raise DataError("a [[design]] has no schematic", location=place)
    paths = {key: folder / entry[key] for key in _FILE_KEYS if entry.get(key)}
    for file in paths.values():
        if not file.is_file():
            raise DataError(f"listed file {file} does not exist", location=place)
    name = entry.get("name") or paths["schematic"].name.split(".")[0]
    return DesignFiles(
        name=name,
        schematic=paths["schematic"],
        extracted=paths.get("extracted"),
        technology=entry.get("technology", ""),
        family=entry.get("family") or name.split("__")[0],
        licence=entry.get("licence", ""),
        top=entry.get("top", ""),
        rails=_listed(entry, "rails"),
        ground=_listed(entry, "ground"),
        name_map=paths.get("map"),
    )


def _check_entry(key: str, value: Any, place: SourceLocation) -> None:
    known = (*_TEXT_KEYS, *_LIST_KEYS)
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise DataError(f"unknown key {key!r} in a [[design]]; {hint}", location=place)
    if key in _LIST_KEYS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return
    if not isinstance(value, str):
        fault = "is no list of texts" if key in _LIST_KEYS else "is no text"
        raise DataError(f"{key} = {value!r} in a [[design]] {fault}", location=place)


def _listed(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Texts of a list, or of a text with commas."""
    value = entry.get(key, [])
    items = value.split(",") if isinstance(value, str) else value
    return tuple(item.strip() for item in items if item.strip())
