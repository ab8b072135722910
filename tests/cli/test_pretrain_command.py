"""`circuitgcl pretrain`: many netlists, unreadable ones among them, and presets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuitgcl.models.checkpoint import load_encoder

SMALL = (
    *("--set", "encoder.width=8", "--set", "encoder.layers=1", "--set", "max_epochs=1"),
    *("--device", "cpu"),
)
Call = Callable[..., Any]


@pytest.fixture
def netlists(tiny_netlist: Path, tmp_path: Path) -> Path:
    """A folder tree with the netlist plain, gzip'd and, in one file, spoiled."""
    folder = tmp_path / "netlists"
    (folder / "deep/er").mkdir(parents=True)
    text = tiny_netlist.read_text()
    (folder / "one.sp").write_text(text)
    other = text.replace("latch", "flipflop").replace("w=0.4u", "w=0.8u")
    (folder / "deep/er/two.sp.gz").write_bytes(gzip.compress(other.encode()))
    (folder / "deep/broken.sp").write_text(".subckt broken a b\nm1 a b\n.ends\n")
    return folder


def test_whole_trees_gzipped_or_not(call: Call, netlists: Path, tmp_path: Path) -> None:
    (netlists / "deep/broken.sp").unlink()
    outcome = call("pretrain", netlists / "**/*.sp", netlists / "**/*.sp.gz", "-o", tmp_path / "run", *SMALL)
    assert outcome.code == 0, outcome.err
    assert "effective_rank" in outcome.out
    assert load_encoder(tmp_path / "run").trained_on == ("flipflop", "latch")


def test_an_unreadable_one_stops_with_its_place(
    refuse: Callable[..., str], netlists: Path, tmp_path: Path
) -> None:
    message = refuse("pretrain", netlists / "**/*.sp", "-o", tmp_path / "run", *SMALL, folder=tmp_path)
    assert "broken.sp:2" in message


def test_lenient_leaves_it_out_and_says_so(call: Call, netlists: Path, tmp_path: Path) -> None:
    outcome = call("pretrain", netlists / "**/*.sp", "--lenient", "-o", tmp_path / "run", *SMALL)
    assert outcome.code == 0, outcome.err
    assert "broken.sp" in outcome.err
    assert "1 of 2 netlists left out" in outcome.out
    assert load_encoder(tmp_path / "run").trained_on == ("latch",)


def test_a_preset_is_a_whole_setting(call: Call, tiny_netlist: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = call("pretrain", tiny_netlist, "-o", run, "--set", "preset=published", *SMALL)
    assert outcome.code == 0, outcome.err
    config = json.loads((run / "config.json").read_text())
    assert (config["learning_rate"], config["scattering_rate"]) == (1e-6, 2e-7)
    assert (config["encoder"]["kind"], config["encoder"]["width"]) == ("cluster_gcn", 8)


def test_nothing_but_small_ones(refuse: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "r.sp").write_text(".subckt r a b\nr1 a b 1k\n.ends\n")
    message = refuse("pretrain", tmp_path / "r.sp", "-o", tmp_path / "run", *SMALL, folder=tmp_path)
    assert "fewer than 8 distinct nodes" in message
