"""Building data sets: what comes back, what is kept, and what happens when something is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from equal_records import assert_same

from circuitgcl.data import (
    build_data_set,
    list_designs,
    load_design,
    open_design,
    read_data_set,
    read_manifest,
    synthetic_array,
)
from circuitgcl.data import storage as storage_module
from circuitgcl.data.storage import load_stored, provenance_of
from circuitgcl.errors import CircuitGCLError, DataError, NetlistError, OnError, ParasiticsError

Manifest = Callable[..., Path]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Writes arrays of the given sizes and their manifest."""

    def write(*sizes: tuple[int, int], more: str = "") -> Path:
        (tmp_path / "src").mkdir(exist_ok=True)
        lines = []
        for rows, columns in sizes:
            files = synthetic_array(rows, columns).write(tmp_path / "src")
            lines.append(
                f'[[design]]\nname = "{files.name}"\nschematic = "{files.schematic.name}"\n'
                f'extracted = "{files.extracted.name}"\ntechnology = "synthetic"\nlicence = "CC0"\n'
            )
        path = tmp_path / "src" / "all.toml"
        path.write_text("".join(lines) + more)
        return path

    return write


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_designs_come_back_identically(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 3), (3, 2))
    built = build_data_set(path, tmp_path / "set")
    assert (built.built, built.kept, len(built.entries)) == (2, 0, 2)
    for files, stored in zip(read_manifest(path), read_data_set(tmp_path / "set"), strict=True):
        assert_same(load_design(files), open_design(stored))
        assert (stored.name, stored.technology, stored.licence) == (files.name, "synthetic", "CC0")
        assert (stored.schematic, stored.extracted) == (files.schematic, files.extracted)
        assert stored.is_unchanged()


def test_a_design_without_labels(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2), more='[[design]]\nname = "bare"\nschematic = "synthetic_2x2_s0.sp"\n')
    build_data_set(path, tmp_path / "set")
    bare = open_design(read_data_set(tmp_path / "set")[1])
    assert bare.labels is None
    assert bare.files.extracted is None


def test_index(manifest: Manifest, tmp_path: Path):
    build_data_set(manifest((2, 3)), tmp_path / "set")
    index = json.loads((tmp_path / "set" / "index.json").read_text())
    assert (index["kind"], index["schema"]) == ("circuitgcl data set", storage_module.schema())
    (entry,) = index["designs"]
    assert entry["sizes"]["couplings"] == len(synthetic_array(2, 3).coupling_farad)
    assert entry["match"]["capacitance_matched"] == 1.0
    assert "nets matched" in entry["match"]["summary"]
    assert set(entry["sources"]) == {"schematic", "extracted"}
    stored = tmp_path / "set" / "designs" / entry["file"]
    assert entry["bytes"] == stored.stat().st_size
    assert names_in(tmp_path / "set") == [f"designs/{entry['file']}", "index.json"]


def test_no_pickle_in_any_file(manifest: Manifest, tmp_path: Path):
    build_data_set(manifest((2, 2)), tmp_path / "set")
    for path in (tmp_path / "set").rglob("*"):
        if path.is_file():
            assert path.suffix in (".json", ".safetensors")


def test_unchanged_designs_are_kept(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2), (2, 3))
    told: list[tuple[str, bool]] = []
    build_data_set(path, tmp_path / "set")
    before = names_in(tmp_path / "set")
    again = build_data_set(path, tmp_path / "set", progress=lambda *step: told.append(step))
    assert (again.built, again.kept) == (0, 2)
    assert told == [("synthetic_2x2_s0", True), ("synthetic_2x3_s0", True)]
    assert names_in(tmp_path / "set") == before
    extraction = tmp_path / "src" / "synthetic_2x3_s0.pex.sp"
    extraction.write_text(extraction.read_text().replace("C0 ", "C0x "))
    third = build_data_set(path, tmp_path / "set")
    assert (third.built, third.kept) == (1, 1)
    assert len(names_in(tmp_path / "set")) == len(before)  # the old file is gone


@pytest.mark.parametrize("change", ['rails = "vdd"', 'family = "other"', 'top = "core"', 'ground = ["gnd"]'])
def test_another_way_to_read_is_another_design(change: str, manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2))
    build_data_set(path, tmp_path / "set")
    path.write_text(path.read_text() + change + "\n")
    assert build_data_set(path, tmp_path / "set").built == 1


def test_changed_include_files_are_noticed(tmp_path: Path):
    array = synthetic_array(2, 2)
    array.write(tmp_path)
    (tmp_path / "sizes.inc").write_text(".param unused=1\n")
    top = tmp_path / "top.sp"
    top.write_text(f"* top\n.include sizes.inc\n.include {array.name}.sp\n")
    path = tmp_path / "m.toml"
    path.write_text(
        f'[[design]]\nschematic = "top.sp"\nextracted = "{array.name}.pex.sp"\ntop = "{array.name}"\n'
    )
    assert build_data_set(path, tmp_path / "set").built == 1
    assert build_data_set(path, tmp_path / "set").built == 0
    (tmp_path / "sizes.inc").write_text(".param unused=2\n")
    assert build_data_set(path, tmp_path / "set").built == 1


def test_an_interrupted_build_goes_on(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2), (2, 3), (3, 3))

    def stop(name: str, kept: bool) -> None:
        if name == "synthetic_2x3_s0":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_data_set(path, tmp_path / "set", progress=stop)
    with pytest.raises(DataError, match=r"has no index.json.*goes on where it stopped"):
        read_data_set(tmp_path / "set")
    half = tmp_path / "set" / "designs" / ".synthetic_3x3_s0.abc.safetensors.tmp"
    half.write_bytes(b"half")  # as a killed process leaves it
    again = build_data_set(path, tmp_path / "set")
    assert (again.built, again.kept) == (1, 2)
    assert not half.exists()


def test_processes_give_the_same_files(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2), (2, 3))
    one = build_data_set(path, tmp_path / "one")
    two = build_data_set(path, tmp_path / "two", jobs=2)
    assert one.entries == two.entries


def test_a_bad_design_leaves_the_old_data_set_as_it_was(manifest: Manifest, tmp_path: Path):
    build_data_set(manifest((2, 2)), tmp_path / "set")
    before = {name: (tmp_path / "set" / name).read_bytes() for name in names_in(tmp_path / "set")}
    (tmp_path / "src" / "cut.pex.sp").write_text("* cut\nC1 a 0 1f\nC2 a b\n")
    bad = '[[design]]\nname = "bad"\nschematic = "synthetic_2x2_s0.sp"\nextracted = "cut.pex.sp"\n'
    with pytest.raises(ParasiticsError, match=r"cut.pex.sp:3"):
        build_data_set(manifest((2, 2), more=bad), tmp_path / "set")
    assert {name: (tmp_path / "set" / name).read_bytes() for name in names_in(tmp_path / "set")} == before


def test_lenient_builds_list_what_is_left_out(manifest: Manifest, tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "bad.sp").write_text("* bad\n.subckt t a b\n.ends\n")
    bad = '[[design]]\nschematic = "bad.sp"\n'
    built = build_data_set(manifest((2, 2), more=bad), tmp_path / "set", on_error=OnError.SKIP)
    assert (built.built, len(built.entries)) == (1, 1)
    assert "bad.sp" in built.left_out["bad"]
    assert json.loads((tmp_path / "set" / "index.json").read_text())["left_out"] == built.left_out
    (tmp_path / "src" / "only.toml").write_text(bad)
    with pytest.raises(NetlistError, match="no device"):
        build_data_set(tmp_path / "src" / "only.toml", tmp_path / "none", on_error=OnError.SKIP)
    assert not (tmp_path / "none").exists()


BAD_EXTRACTIONS = [
    ("* nothing here\n", "no C card|no capacitor|expected"),
    ("<html></html>\n", "HTML"),
    ("", "empty"),
    ("* t\nC1 nowhere 0 1f\nC2 elsewhere 0 1f\n", "no net is common"),
    ("* t\n.subckt a\nC1 bias 0 1f\n.ends\n.subckt b\nC1 bias 0 1f\n.ends\n", "subckt|subcircuit"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_EXTRACTIONS)
def test_bad_extractions(text: str, reason: str, manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2))
    (tmp_path / "src" / "synthetic_2x2_s0.pex.sp").write_text(text)
    with pytest.raises(CircuitGCLError, match=reason) as caught:
        build_data_set(path, tmp_path / "set")
    assert "synthetic_2x2_s0.pex.sp" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "set").exists()


def test_a_design_twice(manifest: Manifest, tmp_path: Path):
    (tmp_path / "src").mkdir()
    copied = '[[design]]\nname = "copy"\nschematic = "copy.sp"\nextracted = "copy.pex.sp"\n'
    files = synthetic_array(2, 2).write(tmp_path / "src")
    shutil.copy(files.schematic, tmp_path / "src" / "copy.sp")
    shutil.copy(files.extracted, tmp_path / "src" / "copy.pex.sp")
    with pytest.raises(DataError, match=r"all.toml: synthetic_2x2_s0 and copy have the same schematic"):
        build_data_set(manifest((2, 2), more=copied), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_folders_of_something_else(manifest: Manifest, tmp_path: Path):
    path = manifest((2, 2))
    with pytest.raises(DataError, match="holds something else"):
        build_data_set(path, tmp_path / "src")
    with pytest.raises(DataError, match="is a file"):
        build_data_set(path, path)


@pytest.fixture
def built(manifest: Manifest, tmp_path: Path) -> Path:
    build_data_set(manifest((2, 2), (2, 3)), tmp_path / "set")
    return tmp_path / "set"


def edited(folder: Path, change: Callable[[dict], None]) -> None:
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(kind="cake"), r"index.json: this is no index"),
        (lambda index: index.update(schema="0.0.0"), r"schema 0\.0\.0, .*dataset build` again"),
        (lambda index: index.update(designs=[]), "lists no designs"),
        (lambda index: index.update(designs=[3]), "lists no designs"),
        (lambda index: index["designs"][0].pop("sha256"), r"design of the index is damaged \(no 'sha256'\)"),
        (lambda index: index["designs"][0].update(sources=[]), "design of the index is damaged"),
        (lambda index: index["designs"][0].update(file="gone"), "file of synthetic_2x2_s0 is missing"),
        (lambda index: index["designs"][0].update(file="../../src/all.toml"), "is missing"),
        (lambda index: index["designs"][0].update(bytes=1), r"bytes, the index says 1"),
    ],
)
def test_damaged_indices(change: Callable[[dict], None], message: str, built: Path):
    edited(built, change)
    with pytest.raises(DataError, match=message):
        list_designs(built)


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": 1}', "[" * 100_000, "\udcff"])
def test_indices_that_are_none(text: str, built: Path):
    (built / "index.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"index\.json"):
        read_data_set(built)


def test_a_flipped_byte_is_noticed(built: Path):
    files = read_data_set(built)[1]
    content = bytearray(files.stored.read_bytes())
    content[-1] ^= 1
    files.stored.write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{files.stored.name}: checksum is .*the index says {files.sha256[:12]}"
    ):
        open_design(files)
    assert build_data_set(built.parent / "src" / "all.toml", built).built == 1  # and mended
    open_design(read_data_set(built)[1])


def test_files_of_another_schema(built: Path, monkeypatch: pytest.MonkeyPatch):
    files = read_data_set(built)[0]
    monkeypatch.setattr(storage_module.feature_schema, "SCHEMA_VERSION", 999)
    with pytest.raises(
        DataError, match=r"another version of circuitgcl.*run `circuitgcl dataset build` again"
    ):
        load_stored(files.stored)
    with pytest.raises(DataError, match="another version"):
        read_data_set(built)
    with pytest.raises(DataError, match="another version"):
        provenance_of(files.stored)


def test_top_and_rails_belong_into_the_manifest(built: Path):
    files = read_data_set(built)[0]
    with pytest.raises(DataError, match="is built already"):
        open_design(files, top="core")
    with pytest.raises(DataError, match="is built already"):
        open_design(files, rails=["vdd"])


def test_other_safetensors_files_are_no_designs(tmp_path: Path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="no stored design"):
        load_stored(tmp_path / "x.safetensors")
