"""What must hold of the readers of extraction results, whatever bytes they are given.

`check_extraction` raises `BrokenPromiseError` where something promised does not hold. Any other exception
that comes out is a defect as well.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from checks import BrokenPromiseError, require

from circuitgcl.errors import CircuitGCLError, ParasiticsError
from circuitgcl.parasitics import Parasitics, dspf, reading, spef, spice, to_net_level, write_dspf, write_spef
from circuitgcl.parasitics.blocks import BLOCK_BYTES, TextBlock, read_blocks
from circuitgcl.parasitics.magic import cell as magic_cell
from circuitgcl.parasitics.spice import scopes as spice_scopes

FILE_MARK = b"*%%file "  # begins a line behind which the text of a further file follows
NAME = "main"
_READERS: tuple[ModuleType, ...] = (
    *(reading, spice.reader, spice_scopes, dspf.reader, spef.reader),
    magic_cell,
)
_ARRAYS = ("ground_farad", "pair_a", "pair_b", "pair_farad", "node_net", "pin_offset")
_NAMES = ("design", "nodes", "nets", "pin_names")


@contextmanager
def blocks_of(block_bytes: int) -> Iterator[None]:
    """Let all readers take files in blocks of another size."""

    def read(path: str | Path, *, block_bytes: int = block_bytes) -> Iterator[TextBlock]:
        return read_blocks(path, block_bytes=block_bytes)

    for module in _READERS:
        module.read_blocks = read  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in _READERS:
            module.read_blocks = read_blocks  # type: ignore[attr-defined]


def check_extraction(folder: Path, data: bytes, selector: int) -> None:
    """Read one file or several, plain or gzip'd, in large and in small blocks; write what was read."""
    for old in folder.iterdir():
        old.unlink()
    main, *others = data.split(FILE_MARK)
    for other in others:
        name, _, text = other.partition(b"\n")
        word = name.decode("ascii", "replace").strip()
        if word.replace(".", "").isalnum() and not word.startswith(".") and word != NAME:
            (folder / word).write_bytes(text)
    path = folder / NAME
    path.write_bytes(gzip.compress(main, 1) if selector & 1 else main)
    found, refusal = _attempt(path)
    with blocks_of((1, 5, 64, BLOCK_BYTES // 2)[selector >> 1 & 3]):
        again, other_refusal = _attempt(path)
    same = bool(refusal) == bool(other_refusal)  # which of several faults is met first may differ
    require(same, f"with other blocks: {refusal!r}, {other_refusal!r}")
    if found is None or again is None:
        return
    _require_same(found, again)
    _check_record(found)
    if selector & 8:
        _check_written(found, folder)


def _attempt(path: Path) -> tuple[Parasitics | None, str]:
    try:
        return reading.read_parasitics(path), ""
    except ParasiticsError as error:
        message = str(error)
        require("\n" not in message, f"several lines: {message!r}")
        require(
            error.location is not None and message.startswith(str(error.location)), f"no place: {message}"
        )
        return None, message


def _check_record(found: Parasitics) -> None:
    n, n_pairs = len(found.nodes), len(found.pair_a)
    require(len(set(found.nodes)) == n, "a node has the name of another")
    require(len(set(found.nets)) == len(found.nets), "a net has the name of another")
    require(found.ground_farad.shape == found.node_net.shape == (n,), "shapes of the nodes")
    require(found.pair_b.shape == found.pair_farad.shape == (n_pairs,), "shapes of the pairs")
    require(found.pin_offset.shape == (n + 1,) and found.pin_offset[0] == 0, "offsets of the pins")
    require(found.pin_offset[-1] == len(found.pin_names) and (np.diff(found.pin_offset) >= 0).all(), "pins")
    require((found.pair_a < found.pair_b).all() and (found.pair_b < n).all(), "order within pairs")
    require((np.diff(found.pair_a.astype(np.int64) * n + found.pair_b) > 0).all(), "order of the pairs")
    require(np.isin(found.node_net, np.arange(len(found.nets))).all(), "net of a node")
    require(len(np.unique(found.node_net)) == len(found.nets), "a net without a node")
    require(np.isfinite(found.ground_farad).all() and np.isfinite(found.pair_farad).all(), "finite")
    require(all(card.count > 0 and card.first_line >= 0 for card in found.skipped_cards), "skipped cards")
    whole = to_net_level(found)
    require(np.isclose(whole.ground_total_farad, found.ground_total_farad, rtol=1e-9, atol=0), "ground kept")


def _check_written(found: Parasitics, folder: Path) -> None:
    """What is written as SPEF or DSPF comes back, as far as the format can hold it."""
    for name, write in (("x.spef", write_spef), ("x.dspf", write_dspf)):
        path = folder / name
        try:
            write(found, path)
        except CircuitGCLError:
            continue
        try:
            again = reading.read_parasitics(path)
        except ParasiticsError as error:
            raise BrokenPromiseError(f"cannot read what was written: {error}") from error
        one, other = to_net_level(found), to_net_level(again)
        require(sorted(one.nets) == sorted(other.nets), f"{name}: {one.nets} came back as {other.nets}")
        order = np.argsort([one.nets.index(net) for net in other.nets])
        require(
            np.allclose(other.ground_farad[order], one.ground_farad, rtol=1e-12, atol=0), f"{name}: ground"
        )
        for total in ("ground_total_farad", "coupling_total_farad"):
            values = getattr(one, total), getattr(other, total)
            require(np.isclose(*values, rtol=1e-12, atol=0), f"{name}: {total} {values}")


def _require_same(found: Parasitics, again: Parasitics) -> None:
    for name in _NAMES:
        require(getattr(found, name) == getattr(again, name), f"{name} depends on the blocks")
    for name in _ARRAYS:
        one, other = getattr(found, name), getattr(again, name)
        same = one.shape == other.shape and np.allclose(one, other, rtol=1e-12, atol=0)
        require(same, f"{name} depends on the blocks")
    kinds = [sorted((card.kind, card.count) for card in record.skipped_cards) for record in (found, again)]
    require(kinds[0] == kinds[1], f"skipped cards depend on the blocks: {kinds}")
