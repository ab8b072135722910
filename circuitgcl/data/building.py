"""`dataset build`: the designs of a manifest as a data set on disk.

A design's file is named after the content of its sources and the way they are read. So a design whose sources
have not changed is kept, an interrupted build goes on where it stopped, and the files of the old index stay
until the new one is written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from circuitgcl.data.array_files import sha256_of
from circuitgcl.data.designs import Design, DesignFiles, design_of, read_manifest
from circuitgcl.data.folders import DESIGN_FOLDER, read_index, write_index
from circuitgcl.data.storage import SUFFIX, provenance_of, save_design, schema
from circuitgcl.errors import CircuitGCLError, DataError, InputError, OnError, SourceLocation
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.netlist import read_netlist

MAX_NAMES = 100  # unmatched names of a kind that the index lists; the design's own file has them all
MAX_FILE_NAME = 80  # characters of a design's name in the name of its file
_ROLES = ("schematic", "extracted", "map")

Progress = Callable[[str, bool], None]  # name of a finished design, whether it was kept


@dataclass(frozen=True, kw_only=True)
class BuiltDataSet:
    """What a build left on disk."""

    folder: Path
    entries: tuple[Mapping[str, Any], ...]  # as in the index
    built: int  # designs read from their sources
    kept: int  # designs whose sources had not changed
    left_out: Mapping[str, str]  # name of a design that could not be read -> why


def build_data_set(
    manifest: str | Path,
    folder: str | Path,
    *,
    jobs: int = 1,
    on_error: OnError = OnError.RAISE,
    progress: Progress | None = None,
) -> BuiltDataSet:
    """Build, or bring up to date, the data set of a manifest.

    Args:
        manifest: TOML list of designs.
        folder: where the data set goes; made when absent.
        jobs: designs read at the same time, each in a process of its own.
        on_error: whether a design that cannot be read ends the build or is left out and listed.
        progress: called after every design.

    Raises:
        DataError: a bad manifest, one design listed twice, or a folder that cannot be written or holds
            something else.
        NetlistError, ParasiticsError: a design cannot be read; finished ones are kept for the next build.
            Left out instead on request, unless none is left.
    """
    manifest, folder = Path(manifest), Path(folder)
    designs = read_manifest(manifest)
    _check_folder(folder)
    plans = [_planned(files, folder) for files in designs]
    _check_distinct(plans, manifest)
    known = _known_checksums(folder)
    waiting = []
    for plan in plans:
        if plan.is_current(known.get(plan.path.name, "")):
            _tell(progress, plan.files.name, True)
        else:
            waiting.append(plan)
    left_out: dict[str, str] = {}
    for plan, fault in _carried_out(waiting, jobs):
        if fault is not None:
            if on_error is OnError.RAISE or len(left_out) + 1 == len(plans):
                raise fault
            left_out[plan.files.name] = str(fault)
        _tell(progress, plan.files.name, False)
    entries = [_entry(plan) for plan in plans if plan.files.name not in left_out]
    write_index(folder, entries, left_out)
    _drop_stale(folder, {entry["file"] for entry in entries})
    built = len(waiting) - len(left_out)
    return BuiltDataSet(
        folder=folder,
        entries=tuple(entries),
        built=built,
        kept=len(entries) - built,
        left_out=left_out,
    )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A design to build: its sources by role with their checksums, and the file it becomes."""

    files: DesignFiles
    sources: Mapping[str, Mapping[str, str]]
    path: Path

    def is_current(self, sha256: str) -> bool:
        """Whether the file is there, whole, and made of what the sources hold now.

        Args:
            sha256: what the last index says about it; empty when an interrupted build has left it.
        """
        if not self.path.is_file() or (sha256 and sha256_of(self.path) != sha256):
            return False
        try:
            included = provenance_of(self.path)["included"]
            return all(sha256_of(Path(source["path"])) == source["sha256"] for source in included)
        except (DataError, KeyError, TypeError):
            return False


def _planned(files: DesignFiles, folder: Path) -> _Plan:
    paths = {"schematic": files.schematic, "extracted": files.extracted, "map": files.name_map}
    sources = {
        role: {"path": str(path), "sha256": sha256_of(path)}
        for role, path in paths.items()
        if path is not None
    }
    content = {
        "schema": schema(),
        "settings": _settings(files),
        "paths": {role: str(path) for role, path in paths.items()},  # records name their files
        "sources": {role: source["sha256"] for role, source in sources.items()},
    }
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    safe = re.sub(r"[^\w.-]", "_", files.name)[:MAX_FILE_NAME]
    return _Plan(files=files, sources=sources, path=folder / DESIGN_FOLDER / f"{safe}.{key}{SUFFIX}")


def _settings(files: DesignFiles) -> dict[str, Any]:
    """What a manifest says about a design besides its files."""
    named = ("name", "technology", "family", "licence", "top", "rails", "ground")
    return {name: getattr(files, name) for name in named}


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; expected a folder for the data set")
    if folder.is_dir() and not (folder / DESIGN_FOLDER).is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder} holds something else; expected an empty folder or a data set")


def _known_checksums(folder: Path) -> dict[str, str]:
    """Checksums of design files by the last index, if there is a readable one of this schema."""
    try:
        return {str(entry.get("file")): str(entry.get("sha256")) for entry in read_index(folder)}
    except DataError:
        return {}


def _check_distinct(plans: Sequence[_Plan], manifest: Path) -> None:
    """Refuse one design under two names."""
    seen: dict[tuple[str, ...], str] = {}
    for plan in plans:
        content = (plan.files.top, *(plan.sources.get(role, {}).get("sha256", "") for role in _ROLES[:2]))
        first = seen.setdefault(content, plan.files.name)
        if first != plan.files.name:
            raise DataError(
                f"{first} and {plan.files.name} have the same schematic and extraction; list it once",
                location=SourceLocation(str(manifest), 0),
            )


def _carried_out(plans: Sequence[_Plan], jobs: int) -> Iterator[tuple[_Plan, CircuitGCLError | None]]:
    """Build designs one after the other, or some at a time; yields each when it is done, or why it is not."""
    if jobs <= 1 or len(plans) < 2:
        yield from ((plan, _build(plan)) for plan in plans)
        return
    with ProcessPoolExecutor(min(jobs, len(plans)), mp_context=get_context("spawn")) as pool:
        try:
            yield from zip(plans, pool.map(_build, plans), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _build(plan: _Plan) -> CircuitGCLError | None:
    """Read one design from its sources and write its file; what is wrong with them, if anything is."""
    try:
        _read_and_save(plan)
    except InputError as error:
        return error
    return None


def _read_and_save(plan: _Plan) -> None:
    netlist = read_netlist(plan.files.schematic)
    design = design_of(plan.files, netlist)
    included = [{"path": path, "sha256": sha256_of(Path(path))} for path in netlist.source_files[1:]]
    provenance = {
        **_settings(plan.files),
        "sources": plan.sources,
        "included": included,
        "sizes": _sizes(design),
        "match": _match(design),
        "fingerprint": circuit_fingerprint(design),
    }
    save_design(design, plan.path, provenance)


def circuit_fingerprint(design: Design) -> str:
    """Hash of a circuit's content, whatever its cells and nets are called.

    It is taken over all nets, each by the multiset of (definition, terminal) it joins.
    """
    circuit, terminals = design.graph.circuit, design.graph.terminals
    net = np.zeros(circuit.net_count, np.uint64)
    np.add.at(net, circuit.terminal_net, terminals.key_exact[terminal_rows(circuit, terminals)])
    return hashlib.sha256(np.sort(net).tobytes()).hexdigest()[:16]


def _sizes(design: Design) -> dict[str, int]:
    circuit, labels = design.graph.circuit, design.labels
    sizes = {
        "nets": circuit.net_count,
        "signal_nets": len(design.graph.signal_nets),
        "devices": circuit.device_count,
        "pins": circuit.pin_count,
        "candidate_pairs": design.graph.contexts.pair_count,
    }
    if labels is not None:
        sizes |= {"labelled_nets": int(np.isfinite(labels.load_farad).sum()), "couplings": len(labels.pair)}
        if labels.pins is not None:
            sizes |= {"labelled_pins": int(np.isfinite(labels.pins.pin_load_farad).sum())}
    return sizes


def _match(design: Design) -> dict[str, Any] | None:
    """Figures of the match report, with its shares and the first of many names."""
    if design.labels is None:
        return None
    report = design.labels.report
    figures: dict[str, Any] = {
        "nets_matched": round(report.nets_matched, 6),
        "capacitance_matched": round(report.capacitance_matched, 6),
        "summary": report.summary(),
    }
    for name, value in asdict(report).items():
        if isinstance(value, (int, float, str)):
            figures.setdefault(name, value)
        elif isinstance(value, tuple):
            figures.setdefault(name, list(value[:MAX_NAMES]))
            if value[MAX_NAMES:]:
                figures[f"{name}_count"] = len(value)
    return figures


def _entry(plan: _Plan) -> dict[str, Any]:
    """What the index says about a design."""
    return {
        **provenance_of(plan.path),
        "file": plan.path.name,
        "bytes": plan.path.stat().st_size,
        "sha256": sha256_of(plan.path),
    }


def _drop_stale(folder: Path, current: set[str]) -> None:
    """Remove design files that no index names any more, and what a killed build left half-written."""
    for path in (folder / DESIGN_FOLDER).iterdir():
        is_ours = path.name.endswith(SUFFIX) or (path.name.startswith(".") and SUFFIX in path.name)
        if is_ours and path.name not in current:
            path.unlink(missing_ok=True)


def _tell(progress: Progress | None, name: str, kept: bool) -> None:
    if progress is not None:
        progress(name, kept)
