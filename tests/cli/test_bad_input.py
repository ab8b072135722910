"""Every bad input is one located line and exit code 2, and leaves no file behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

Refuse = Callable[..., str]

DEEP = "* absurd\n.subckt c0 a\nr1 a 0 1\n.ends\n" + "".join(
    f".subckt c{level} a\n" + "".join(f"x{k} a c{level - 1}\n" for k in range(10)) + ".ends\n"
    for level in range(1, 10)
)

BAD_NETLISTS = [
    ("empty", b"", "bad.sp", "is empty"),
    ("blank", b" \n\n\t\n", "bad.sp", "is empty"),
    ("binary", b"\x7fELF\x02\x01\x00\x00\x00rubbish\x00", "bad.sp", "is binary"),
    ("html", b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "bad.sp:1", "HTML"),
    ("prose", b"no netlist\n* at all\n", "bad.sp", "SPICE netlist"),
    ("cut gzip", gzip.compress(b"* t\nr1 a 0 1k\n" * 99)[:-20], "bad.sp", "gzip data is cut short"),
    ("undefined", b"* t\n.subckt t a\nr1 a 0 1\nx1 a nowhere\n.ends\n", "bad.sp:4", "'nowhere'"),
    (
        "recursive",
        b"* t\n.subckt p a\nr1 a 0 1\nx1 a q\n.ends\n.subckt q a\nx2 a p\n.ends\n",
        "bad.sp:",
        "contains itself",
    ),
    (
        "ports",
        b"* t\n.subckt p a b\nr1 a b 1\n.ends\n.subckt t a\nx1 a b c p\nr1 a b 1\n.ends\n",
        "bad.sp:6",
        "3 nodes",
    ),
    ("include", b"* t\n.include nix.sp\nr1 a 0 1\n", "bad.sp:2", "nix.sp"),
    ("circle", b"* t\n.include bad.sp\nr1 a 0 1\n", "bad.sp:2", "includes itself"),
    ("quote", b"* t\nr1 a 0 '1k\n", "bad.sp:2", "not balanced"),
    ("division", b"* t\n.param z=0\nr1 a b '1/z'\n", "bad.sp:3", "zero"),
    ("protected", b"* t\n.prot\n#gq~~%$x\n.unprot\nr1 a b 1\n", "bad.sp:3", "encrypted"),
    ("terminals", b"* t\n.subckt t d g s\nm1 d g nmos w=1u\n.ends\n", "bad.sp:3", "MOSFET"),
    ("absurd", DEEP.encode(), "bad.sp", "1,000,000,000 devices"),
    ("no signal", b"* t\n.subckt t vdd gnd\nr1 vdd gnd 1k\nr2 vdd 0 1k\n.ends\n", "bad.sp", "supply rails"),
    ("no device", b"* t\n.subckt t a b\n.ends\n", "bad.sp", "no device"),
]


@pytest.mark.parametrize(
    ("content", "place", "reason"), [pytest.param(*c[1:], id=c[0]) for c in BAD_NETLISTS]
)
def test_bad_netlist(
    content: bytes, place: str, reason: str, refuse: Refuse, tiny_model: Path, tmp_path: Path
):
    path = tmp_path / "bad.sp"
    path.write_bytes(content)
    for suffix in (".json", ".csv"):
        output = tmp_path / f"out{suffix}"
        line = refuse("estimate", path, "--model", tiny_model, "-o", output, folder=tmp_path)
        assert str(tmp_path / place) in line
        assert reason in line


@pytest.mark.parametrize("case", [c for c in BAD_NETLISTS if c[0] != "no signal"], ids=lambda c: c[0])
def test_bad_netlist_is_no_better_to_inspect(
    case: tuple[str, bytes, str, str], refuse: Refuse, tmp_path: Path
):
    _, content, place, reason = case
    path = tmp_path / "bad.sp"
    path.write_bytes(content)
    line = refuse("inspect", path, "-o", tmp_path / "out.json", folder=tmp_path)
    assert str(tmp_path / place) in line
    assert reason in line


def test_one_bad_netlist_among_good_ones_writes_nothing(
    call: Callable[..., object], tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    outcome = call(
        "estimate", tiny_netlist, tmp_path / "nix.sp", "--model", tiny_model, "-o", tmp_path / "x.csv"
    )
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


BAD_OPTIONS = [
    ("missing file", ["nix.sp"], "nix.sp: the file does not exist"),
    ("no match", ["nix*.sp"], "no file matches"),
    ("folder", ["{folder}"], "is a directory"),
    ("top", ["{netlist}", "--top", "nix"], "latch.sp: there is no subcircuit 'nix'"),
    ("min cap", ["{netlist}", "--min-cap", "-1f"], "--min-cap '-1f'"),
    ("min cap unit", ["{netlist}", "--min-cap", "3zz"], "--min-cap '3zz'"),
    ("min cap text", ["{netlist}", "--min-cap", "small"], "--min-cap 'small'"),
    ("min cap endless", ["{netlist}", "--min-cap", "1e999"], "--min-cap '1e999'"),
    ("key", ["{netlist}", "--set", "min_cap=1"], "did you mean min_cap_farad?"),
    ("nested key", ["{netlist}", "--set", "graph.rail=vdd"], "did you mean graph.rails?"),
    ("no value", ["{netlist}", "--set", "scale"], "'scale' has no value"),
    ("value", ["{netlist}", "--set", "scale=big"], "scale = 'big'"),
    ("group", ["{netlist}", "--set", "graph=1"], "graph is a group"),
    ("probability", ["{netlist}", "--set", "min_probability=2"], "min_probability = 2"),
    ("scale", ["{netlist}", "--scale", "0"], "scale = 0"),
    ("bound", ["{netlist}", "--bound", "p99"], "one of mean, p10, p90"),
    ("config", ["{netlist}", "--config", "nix.toml"], "nix.toml does not exist"),
    ("suffix", ["{netlist}", "-o", "{folder}/x.xlsx"], "unknown output format .xlsx"),
    ("no suffix", ["{netlist}", "-o", "{folder}/x"], "unknown output format (no suffix)"),
    ("no folder", ["{netlist}", "-o", "{folder}/nix/x.json"], "folder {folder}/nix does not exist"),
    ("output folder", ["{netlist}", "-o", "{folder}"], "{folder} is a folder"),
    ("device", ["{netlist}", "--device", "tpu"], "--device 'tpu'"),
    ("model", ["{netlist}", "--model", "nix"], "there is no checkpoint 'nix'"),
    ("unknown option", ["{netlist}", "--nix"], "No such option: --nix"),
    ("not a number", ["{netlist}", "--scale", "big"], "--scale"),
    ("too few", ["{netlist}", "--top-couplings", "-1"], "--top-couplings"),
    ("nothing", [], "NETLIST"),
]


@pytest.mark.parametrize(("arguments", "reason"), [pytest.param(*c[1:], id=c[0]) for c in BAD_OPTIONS])
def test_bad_option(
    arguments: list[str], reason: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    places = {"netlist": tiny_netlist, "folder": tmp_path}
    words = [word.format(**places) for word in arguments]
    model = [] if "--model" in words else ["--model", tiny_model]
    assert reason.format(**places) in refuse("estimate", *words, *model, folder=tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device(refuse: Refuse, tiny_netlist: Path, tiny_model: Path):
    line = refuse("estimate", tiny_netlist, "--model", tiny_model, "--device", "cuda")
    assert line == "circuitgcl: --device cuda: no CUDA device is available; use --device cpu"


@pytest.mark.parametrize("text", ["scale = [", "scale = true\nnix = 1"], ids=["broken", "unknown key"])
def test_bad_config_file(text: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    config = tmp_path / "settings.toml"
    config.write_text(text)
    refuse("estimate", tiny_netlist, "--model", tiny_model, "--config", config, folder=tmp_path)


def test_unknown_command(refuse: Refuse):
    line = refuse("estimat")
    assert line.startswith("circuitgcl: No such command 'estimat'")
    assert line.endswith("(see circuitgcl --help)")


@pytest.mark.parametrize("suffix", ["txt", "json.gz"])
def test_inspect_and_evaluate_write_json_only(
    suffix: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    output = tmp_path / f"x.{suffix}"
    assert "known: .json" in refuse("inspect", tiny_netlist, "-o", output, folder=tmp_path)
    line = refuse(
        "evaluate", tiny_netlist, tiny_netlist, "--model", tiny_model, "-o", output, folder=tmp_path
    )
    assert "known: .json" in line


EXTRACTED = "* extracted\n.subckt latch d en q vdd gnd\nc1 d en 0.3f\nc2 q gnd 1f\nc3 s qb 0.2f\n.ends\n"
OTHER = "* extracted\n.subckt mixer lo rf vdd gnd\nc1 lo rf 0.3f\nc2 rf gnd 1f\nc3 vdd gnd 9f\n.ends\n"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("extracted.sp", "{netlist}", "no capacitors found"),
        ("{netlist}", "{netlist}", "no capacitors found"),
        ("{netlist}", "other.sp", "no signal net of the schematic has a partner"),
        ("{netlist}", "nix.sp", "nix.sp"),
        ("nix.sp", "extracted.sp", "nix.sp: the file does not exist"),
        ("{netlist}", "page.html", "page.html"),
    ],
    ids=["swapped", "twice the schematic", "another cell", "no extraction", "no schematic", "web page"],
)
def test_evaluate_refuses_files_that_do_not_belong_together(
    first: str, second: str, reason: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    (tmp_path / "extracted.sp").write_text(EXTRACTED)
    (tmp_path / "other.sp").write_text(OTHER)
    (tmp_path / "page.html").write_text("<html><body>moved</body></html>\n")
    files = [tmp_path / name.format(netlist=tiny_netlist) for name in (first, second)]
    output = tmp_path / "m.json"
    assert reason in refuse("evaluate", *files, "--model", tiny_model, "-o", output, folder=tmp_path)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("[[design]]\nname = 'a'\n", "has no schematic"),
        ("[[design]]\nschematic = 'nix.sp'\n", "does not exist"),
        ("[[design]]\nschematic = '{netlist}'\nlabel = 'x'\n", "unknown key 'label'"),
        ("[[design]]\nschematic = '{netlist}'\n", "has no extraction"),
        ("[[design]\n", "TOML"),
        ("", "lists no"),
    ],
)
def test_evaluate_refuses_a_bad_manifest(
    manifest: str, reason: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    path = tmp_path / "designs.toml"
    path.write_text(manifest.format(netlist=tiny_netlist))
    assert reason in refuse("evaluate", path, "--model", tiny_model, folder=tmp_path)


def test_evaluate_wants_two_files_or_a_manifest(refuse: Refuse, tiny_netlist: Path):
    assert "SCHEMATIC EXTRACTED" in refuse("evaluate", tiny_netlist)
    assert "SCHEMATIC EXTRACTED" in refuse("evaluate", tiny_netlist, tiny_netlist, tiny_netlist)


def test_message_about_a_checkpoint_names_its_file(refuse: Refuse, tiny_netlist: Path, tmp_path: Path):
    (tmp_path / "model.json").write_text(json.dumps({"kind": "encoder"}))
    line = refuse("estimate", tiny_netlist, "--model", tmp_path, folder=tmp_path)
    assert line.startswith(f"circuitgcl: {tmp_path / 'model.json'}: found 'encoder'")


def test_finetune_refuses_an_encoder_that_is_none(refuse: Refuse, tiny_netlist: Path, tmp_path: Path):
    manifest = tmp_path / "designs.toml"
    manifest.write_text(f"[[design]]\nschematic = '{tiny_netlist}'\n")
    nothing = tmp_path / "nix"
    line = refuse("finetune", manifest, "--encoder", nothing, "-o", tmp_path / "run", folder=tmp_path)
    assert f"there is no checkpoint '{nothing}'" in line


def test_run_folder_cannot_be_a_file(refuse: Refuse, tiny_netlist: Path, tmp_path: Path):
    occupied = tmp_path / "run"
    occupied.write_text("mine")
    refuse("pretrain", tiny_netlist, "-o", occupied, folder=tmp_path)
    assert occupied.read_text() == "mine"
