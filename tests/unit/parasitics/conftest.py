"""Readers of extraction results that take files in blocks of another size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from circuitgcl.parasitics.blocks import read_blocks

READERS = ("spice.reader", "spice.scopes", "dspf.reader", "spef.reader")


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Function that sets the bytes of a block for what is read from then on."""

    def take(block_bytes: int) -> None:
        for module in READERS:
            monkeypatch.setattr(
                f"circuitgcl.parasitics.{module}.read_blocks",
                lambda path: read_blocks(path, block_bytes=block_bytes),
            )

    return take
