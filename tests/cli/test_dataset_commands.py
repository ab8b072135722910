"""`circuitgcl dataset`, and data sets in the place of manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuitgcl.data import synthetic_array

Call = Callable[..., Any]
Refuse = Callable[..., str]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two arrays of two families."""
    folder = tmp_path / "src"
    folder.mkdir()
    text = ""
    for rows, columns in ((4, 4), (3, 5)):
        files = synthetic_array(rows, columns).write(folder)
        text += f'[[design]]\nname = "{files.name}"\nschematic = "{files.schematic.name}"\n'
        text += f'extracted = "{files.schematic.stem}.pex.sp"\ntechnology = "synthetic"\n'
    (folder / "all.toml").write_text(text)
    return folder / "all.toml"


@pytest.fixture
def built(manifest: Path, call: Call, tmp_path: Path) -> Path:
    outcome = call("dataset", "build", manifest, "-o", tmp_path / "set")
    assert outcome.code == 0, outcome
    return tmp_path / "set"


def test_build_prints_match_reports(manifest: Path, call: Call, tmp_path: Path):
    outcome = call("dataset", "build", manifest, "-o", tmp_path / "set")
    assert (outcome.code, outcome.err) == (0, "")
    assert "synthetic_4x4_s0" in outcome.out
    assert "100.00%" in outcome.out
    assert "100.000% of capacitance matched" in outcome.out
    assert f"wrote {tmp_path / 'set'}: 2 designs" in outcome.out
    assert "(2 built, 0 unchanged)" in outcome.out
    assert "(0 built, 2 unchanged)" in call("dataset", "build", manifest, "-o", tmp_path / "set").out


def test_build_in_two_processes(manifest: Path, call: Call, tmp_path: Path):
    assert call("dataset", "build", manifest, "-o", tmp_path / "set", "--jobs", 2).code == 0
    assert len(list((tmp_path / "set" / "designs").iterdir())) == 2


def test_lenient_build(manifest: Path, call: Call, refuse: Refuse, tmp_path: Path):
    (manifest.parent / "bad.sp").write_text("* bad\nM1 a b c\n")
    manifest.write_text(manifest.read_text() + '[[design]]\nschematic = "bad.sp"\n')
    assert "bad.sp:2" in refuse("dataset", "build", manifest, "-o", tmp_path / "none", "--jobs", 2)
    outcome = call("dataset", "build", manifest, "-o", tmp_path / "set", "--lenient")
    assert outcome.code == 0
    assert "left out bad: " in outcome.out
    assert "1 left out" in outcome.out


def test_check(manifest: Path, built: Path, call: Call, tmp_path: Path):
    for place in (manifest, built):
        outcome = call("dataset", "check", place, "-o", tmp_path / "c.json", "--strict")
        assert (outcome.code, outcome.err) == (0, "")
        assert "2 designs checked: nothing found" in outcome.out
        report = json.loads((tmp_path / "c.json").read_text())
        assert (report["designs"], report["findings"], report["counts"]) == (2, [], {})


def test_findings_are_printed_with_their_lines(manifest: Path, call: Call, tmp_path: Path):
    extraction = manifest.parent / "synthetic_4x4_s0.pex.sp"
    extraction.write_text(extraction.read_text().replace(".ends", "Cself wl[1] wl[1] 3f\n.ends"))
    line = extraction.read_text().count("\n") - 1
    outcome = call("dataset", "check", manifest, "-o", tmp_path / "c.json")
    assert outcome.code == 0
    assert "self coupling: 1" in outcome.out
    assert f"{extraction}:{line} synthetic_4x4_s0: 1 capacitor has both ends on one node" in outcome.out
    assert "2 designs checked: 1 finding" in outcome.out
    (finding,) = json.loads((tmp_path / "c.json").read_text())["findings"]
    assert (finding["kind"], finding["file"], finding["line"]) == ("self coupling", str(extraction), line)
    strict = call("dataset", "check", manifest, "--strict")
    assert (strict.code, strict.err) == (2, "")
    assert strict.out == outcome.out


@pytest.mark.parametrize("command", ["build", "check"])
def test_bad_manifests(command: str, manifest: Path, refuse: Refuse, tmp_path: Path):
    options = ("-o", tmp_path / "x.json")
    assert "nix.toml does not exist" in refuse("dataset", command, "nix.toml", *options, folder=tmp_path)
    text = manifest.read_text()
    manifest.write_text(text.replace("technology", "tecnology"))
    line = refuse("dataset", command, manifest, *options, folder=tmp_path)
    assert "all.toml:1: unknown key 'tecnology' in a [[design]]; did you mean technology?" in line
    manifest.write_text(text + text[: text.index("[[design]]", 5)])
    assert "all.toml:11: two designs are called" in refuse(
        "dataset", command, manifest, *options, folder=tmp_path
    )


@pytest.mark.parametrize(
    "arguments", [("dataset", "check"), ("evaluate",), ("finetune", "-o", "run")], ids=lambda a: a[0]
)
def test_broken_data_sets(
    arguments: tuple[str, ...], built: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(built.parent)
    index = built / "index.json"
    text = index.read_text()
    index.write_text(text[: len(text) // 2])
    assert "index.json:" in refuse(*arguments, built, folder=built)
    index.write_text(text.replace('"schema": "', '"schema": "0.'))
    assert "run `circuitgcl dataset build` again" in refuse(*arguments, built, folder=built)
    index.write_text(text)
    stored = next((built / "designs").iterdir())
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    assert "checksum" in refuse(*arguments, built, folder=built)
    stored.unlink()
    assert "is missing" in refuse(*arguments, built, folder=built)


def test_evaluate_a_data_set(manifest: Path, built: Path, call: Call, tiny_model: Path, tmp_path: Path):
    outputs = []
    for place in (manifest, built):
        output = tmp_path / f"{place.stem}.json"
        outcome = call("evaluate", place, "--model", tiny_model, "--only", "*4x4*", "-o", output)
        assert (outcome.code, outcome.err) == (0, "")
        outputs.append(output.read_text())
    assert outputs[0] == outputs[1]


def test_rails_of_a_built_design(built: Path, refuse: Refuse, tiny_model: Path):
    assert "is built already" in refuse("evaluate", built, "--model", tiny_model, "--rails", "vdd")


def test_finetune_on_a_data_set(manifest: Path, built: Path, call: Call, tmp_path: Path):
    small = ("--set", "max_epochs=1", "--set", "calibration_folds=0", "--set", "model.hidden=8")
    small += ("--set", "model.encoder.width=8", "--set", "model.encoder.layers=1", "--device", "cpu")
    weights = []
    for place in (manifest, built):
        outcome = call("finetune", place, "-o", tmp_path / f"run_{place.stem}", *small)
        assert outcome.code == 0, outcome
        assert "trained on 2 designs" in outcome.out
        weights.append((tmp_path / f"run_{place.stem}" / "model.safetensors").stat().st_size)
    assert weights[0] == weights[1]


def test_help_loads_no_torch():
    import subprocess
    import sys

    import circuitgcl

    program = (
        "import sys\nfrom circuitgcl.cli.main import run\ntry:\n    run()\nexcept SystemExit as stop:\n"
        "    assert not stop.code\nassert 'torch' not in sys.modules"
    )
    folder = Path(circuitgcl.__file__).parent.parent
    for arguments in (["dataset", "--help"], ["dataset", "build", "--help"], ["dataset", "check", "--help"]):
        subprocess.run([sys.executable, "-c", program, *arguments], cwd=folder, check=True, timeout=60)
