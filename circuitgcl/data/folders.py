"""Data sets on disk: a folder with `index.json` and one file per design.

The index says which designs there are, what they are made of and what their files' checksums must be. It is
written last and in one step, and design files are never overwritten, so a folder with an index is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuitgcl.data.designs import Design, DesignFiles, load_design, read_manifest
from circuitgcl.data.storage import StoredFiles, check_schema, load_stored, schema
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.files import write_atomically

INDEX_FILE = "index.json"
DESIGN_FOLDER = "designs"
_KIND = "circuitgcl data set"


def write_index(folder: Path, entries: Sequence[Mapping[str, Any]], left_out: Mapping[str, str]) -> None:
    """Write the index of a data set.

    Args:
        folder: where the data set is.
        entries: what to say about every design.
        left_out: designs of the manifest that could not be read, and why.

    Raises:
        DataError: it cannot be written.
    """
    content = {"kind": _KIND, "schema": schema(), "designs": list(entries), "left_out": dict(left_out)}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / INDEX_FILE, text)


def read_index(folder: str | Path) -> tuple[dict[str, Any], ...]:
    """Entries of the designs of a data set.

    Raises:
        DataError: no index, a damaged one, or one of another schema.
    """
    path = Path(folder) / INDEX_FILE
    where = SourceLocation(str(path), 0)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{folder} has no {INDEX_FILE}, so it is no data set or an unfinished one; "
            "run `circuitgcl dataset build` (it goes on where it stopped)"
        ) from None
    except json.JSONDecodeError as error:
        place = SourceLocation(str(path), error.lineno)
        raise DataError(
            f"not a readable index: {error.msg}; build the data set again", location=place
        ) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"not a readable index: {error}; build the data set again", location=where) from None
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise DataError(f"this is no index of a {_KIND}", location=where)
    check_schema(content.get("schema"), where)
    entries = content.get("designs")
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        raise DataError("the index lists no designs; build the data set again", location=where)
    return tuple(entries)


def read_data_set(folder: str | Path) -> tuple[StoredFiles, ...]:
    """Designs of a data set.

    Raises:
        DataError: as `read_index`; also a design without its file.
    """
    folder = Path(folder)
    return tuple(_stored_files(folder, entry) for entry in read_index(folder))


def list_designs(path: str | Path) -> tuple[DesignFiles, ...]:
    """Designs of a manifest or of a data set, whichever the path is.

    Raises:
        DataError: as `read_manifest` or `read_data_set`.
    """
    return read_data_set(path) if Path(path).is_dir() else read_manifest(path)


def open_design(files: DesignFiles, *, top: str | None = None, rails: Sequence[str] = ()) -> Design:
    """A design from its file in a data set, or else from its sources.

    Args:
        files: the design.
        top: another top cell.
        rails: other rails.

    Raises:
        DataError: the stored file is missing, damaged or of another schema, or a top cell or rails are asked
            of a design that is built already.
        NetlistError, ParasiticsError: as `load_design`.
    """
    if not isinstance(files, StoredFiles):
        return load_design(files, top=top, rails=rails)
    if top or rails:
        raise DataError(
            f"{files.name} is built already; give top and rails in the manifest it is built from, not here",
            location=SourceLocation(str(files.stored), 0),
        )
    return load_stored(files.stored, sha256=files.sha256)


def _stored_files(folder: Path, entry: Mapping[str, Any]) -> StoredFiles:
    where = SourceLocation(str(folder / INDEX_FILE), 0)
    try:
        sources = entry["sources"]
        stored = folder / DESIGN_FOLDER / Path(str(entry["file"])).name
        files = StoredFiles(
            name=str(entry["name"]),
            schematic=Path(sources["schematic"]["path"]),
            extracted=_path_of(sources, "extracted"),
            technology=str(entry["technology"]),
            family=str(entry["family"]),
            licence=str(entry["licence"]),
            top=str(entry["top"]),
            rails=tuple(map(str, entry["rails"])),
            ground=tuple(map(str, entry["ground"])),
            name_map=_path_of(sources, "map"),
            stored=stored,
            sha256=str(entry["sha256"]),
            bytes=int(entry["bytes"]),
            extracted_sha256=str((sources.get("extracted") or {}).get("sha256", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"a design of the index is damaged ({fault}); build the data set again", location=where
        ) from None
    if not stored.is_file():
        raise DataError(
            f"file of {files.name} is missing; build the data set again",
            location=SourceLocation(str(stored), 0),
        )
    if stored.stat().st_size != files.bytes:
        raise DataError(
            f"file of {files.name} has {stored.stat().st_size} bytes, the index says {files.bytes}; "
            "build the data set again",
            location=SourceLocation(str(stored), 0),
        )
    return files


def _path_of(sources: Mapping[str, Any], role: str) -> Path | None:
    return Path(sources[role]["path"]) if sources.get(role) else None
