"""Run folders: what a training run leaves on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from circuitgcl.errors import DataError
from circuitgcl.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 4


@dataclass(frozen=True, kw_only=True)
class Settings:
    inner: Inner = field(default_factory=Inner)
    seed: int = 0


def unfinished(path: Path, settings: Settings) -> RunFolder:
    run = RunFolder(path, settings)
    (path / "state").mkdir(exist_ok=True)
    (path / "state" / "last.ckpt").write_bytes(b"state")
    return run


def test_resolved_settings_are_written_at_once(tmp_path: Path):
    RunFolder(tmp_path / "run", Settings(seed=3))
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == {"inner": {"width": 4}, "seed": 3}


def test_metrics_end_the_run(tmp_path: Path):
    run = unfinished(tmp_path / "run", Settings())
    run.write_metrics({"r2": 0.5})
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == {"r2": 0.5}
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.json", "metrics.json"]


def test_unfinished_run_goes_on_with_its_own_settings_only(tmp_path: Path):
    unfinished(tmp_path / "run", Settings(seed=1))
    RunFolder(tmp_path / "run", Settings(seed=1))
    with pytest.raises(DataError, match="unfinished run with other settings"):
        RunFolder(tmp_path / "run", Settings(seed=2))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1


def test_finished_run_may_be_repeated_with_other_settings(tmp_path: Path):
    unfinished(tmp_path / "run", Settings(seed=1)).finish()
    RunFolder(tmp_path / "run", Settings(seed=2))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 2


def test_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        RunFolder(tmp_path / "file", Settings())
