"""The reading side of the package and the command line's quick answers load no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

import circuitgcl

PACKAGE = Path(circuitgcl.__file__).parent

IMPORT = """
import importlib, sys
importlib.import_module(sys.argv[1])
assert "torch" not in sys.modules, sorted(name for name in sys.modules if name.startswith("circuitgcl"))
"""

COMMAND = """
import sys
from circuitgcl.cli.main import run
sys.argv[0] = "circuitgcl"
try:
    run()
except SystemExit as stop:
    assert not stop.code, stop.code
assert "torch" not in sys.modules, sorted(name for name in sys.modules if name.startswith("circuitgcl"))
"""

DIVIDER = """* divider
.subckt divider in out gnd
R1 in out 1k
R2 out gnd 1k
.ends
"""


def run_fresh(program: str, *arguments: str) -> None:
    # A new interpreter, since this one may hold torch from other tests. With -c, Python looks for packages in
    # the working directory first, so the child imports the very package that is under test here.
    child = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=PACKAGE.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stdout + child.stderr


@pytest.mark.parametrize(
    "module",
    ["circuitgcl", "circuitgcl.netlist", "circuitgcl.parasitics", "circuitgcl.graph"],
)
def test_reading_side_loads_no_torch(module):
    run_fresh(IMPORT, module)


def test_the_check_notices_torch():
    with pytest.raises(AssertionError, match="AssertionError"):
        run_fresh(IMPORT, "torch")


needs_command_line = pytest.mark.skipif(
    not (PACKAGE / "cli" / "main.py").is_file(), reason="the command line is not there yet"
)


@needs_command_line
@pytest.mark.parametrize("arguments", [["--help"], ["inspect", "--help"], ["estimate", "--help"]])
def test_help_loads_no_torch(arguments):
    run_fresh(COMMAND, *arguments)


@needs_command_line
def test_inspect_loads_no_torch(tmp_path):
    netlist = tmp_path / "divider.sp"
    netlist.write_text(DIVIDER, encoding="utf-8")
    run_fresh(COMMAND, "inspect", str(netlist))
