"""One labelled design in one file: arrays, and a line about where they came from.

The circuit and its labels in farad are the source of truth; the arrays of the graph lie beside them, ready to
train on. A file holds for one layout of the records and one version of the features: another program refuses
it and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitgcl.data.array_files import read_arrays, sha256_of, write_arrays
from circuitgcl.data.columns import from_columns, layout_of, to_columns
from circuitgcl.data.designs import Design, DesignFiles
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph import feature_schema

FORMAT_VERSION = 1
SUFFIX = ".safetensors"
_KIND = "circuitgcl design"


@dataclass(frozen=True, kw_only=True)
class StoredFiles(DesignFiles):
    """A design of a data set: where it is stored, beside where it came from."""

    stored: Path
    sha256: str  # of the stored file
    bytes: int
    extracted_sha256: str = ""  # of the extraction it was built from

    def is_unchanged(self) -> bool:
        """Whether the extraction is still what the design was built from."""
        return self.extracted is not None and sha256_of(self.extracted) == self.extracted_sha256


def schema() -> str:
    """What a stored design must agree in with the program that reads it."""
    return f"{FORMAT_VERSION}.{feature_schema.SCHEMA_VERSION}.{layout_of(Design)}"


def save_design(design: Design, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a design.

    Args:
        design: what to write.
        path: the file; its folder is made.
        provenance: what to keep about its sources, ready for JSON.

    Raises:
        DataError: the file cannot be written.
    """
    metadata = {"kind": _KIND, "schema": schema(), "provenance": json.dumps(provenance, sort_keys=True)}
    write_arrays(path, to_columns(design), metadata)


def load_stored(path: Path, *, sha256: str = "") -> Design:
    """Read a design; its arrays stay in the file until they are looked at.

    Args:
        path: the file.
        sha256: checksum the file must have; unchecked when empty.

    Raises:
        DataError: missing, damaged, changed since the data set was built, or of another schema.
    """
    if sha256 and path.is_file():
        found = sha256_of(path)
        if found != sha256:
            raise DataError(
                f"checksum is {found[:12]}…, the index says {sha256[:12]}…: the file was changed or damaged; "
                "build the data set again",
                location=SourceLocation(str(path), 0),
            )
    arrays, _ = _checked(path)
    try:
        return from_columns(Design, arrays)
    except DataError as error:
        raise DataError(str(error), location=SourceLocation(str(path), 0)) from None


def provenance_of(path: Path) -> dict[str, Any]:
    """What a stored design says about its sources; reads the header alone.

    Raises:
        DataError: as `load_stored`.
    """
    _, metadata = _checked(path)
    try:
        found: dict[str, Any] = json.loads(metadata["provenance"])
        return found
    except (KeyError, ValueError):
        raise DataError(
            "says nothing about its sources; build the data set again", location=SourceLocation(str(path), 0)
        ) from None


def _checked(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Arrays and metadata of a design file of this schema."""
    arrays, metadata = read_arrays(path)
    where = SourceLocation(str(path), 0)
    if metadata.get("kind") != _KIND:
        raise DataError("is a safetensors file but no stored design", location=where)
    check_schema(metadata.get("schema", ""), where)
    return arrays, metadata


def check_schema(found: object, where: SourceLocation) -> None:
    """Refuse what another version of the program has written.

    Raises:
        DataError: the schema is another one.
    """
    if found != schema():
        raise DataError(
            f"was built by another version of circuitgcl (schema {found or 'unknown'}, this one reads "
            f"{schema()}); run `circuitgcl dataset build` again",
            location=where,
        )
