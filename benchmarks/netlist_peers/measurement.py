"""One reader on one netlist in a process of its own: seconds, peak memory, devices.

Run as a script it is the child: `measurement.py READER [NETLIST]` prints one line of JSON. Without a netlist
it only imports the reader, which gives the memory to subtract in mind.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Step = Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one reader needed for one netlist."""

    reader: str
    read_s: float = 0.0
    flatten_s: float = 0.0
    peak_mib: float = 0.0
    devices: int = 0
    error: str = ""  # why there are no figures

    @property
    def total_s(self) -> float:
        """Seconds from text to flat circuit."""
        return self.read_s + self.flatten_s


def measure(reader: str, netlist: Path | None, timeout_s: float) -> Measurement:
    """Start a fresh interpreter, let it read the netlist, and collect its figures.

    Args:
        reader: `circuitgcl` or `klayout`.
        netlist: the file; only the import is measured when absent.
        timeout_s: seconds after which the child is stopped.
    """
    command = [sys.executable, str(Path(__file__).resolve()), reader]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter on this file
            command + ([str(netlist)] if netlist else []),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=child_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Measurement(reader=reader, error=f"more than {timeout_s:.0f} s")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Measurement(reader=reader, error=lines[-1] if lines else f"exit status {done.returncode}")
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def child_environment() -> dict[str, str]:
    """Environment of a child: this checkout can be imported, and nobody starts extra threads."""
    paths = [path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def _circuitgcl_steps(path: str) -> tuple[Step, Step]:
    from circuitgcl.netlist import flatten, read_netlist

    held: dict[str, object] = {}

    def read() -> int:
        held["netlist"] = read_netlist(path)
        return 0

    def flat() -> int:
        circuit = flatten(held["netlist"])  # type: ignore[arg-type]
        held["circuit"] = circuit
        return circuit.device_count

    return read, flat


def _klayout_steps(path: str) -> tuple[Step, Step]:
    import klayout.db as kdb

    netlist = kdb.Netlist()

    def read() -> int:
        netlist.read(path, kdb.NetlistSpiceReader())
        return 0

    def flat() -> int:
        netlist.flatten()
        return sum(1 for circuit in netlist.each_circuit() for _ in circuit.each_device())

    return read, flat


_READERS = {"circuitgcl": _circuitgcl_steps, "klayout": _klayout_steps}


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 2**20


def _run_child(reader: str, path: str | None) -> Measurement:
    read, flat = _READERS[reader](path or "")  # imports happen here, outside the clock
    if path is None:
        return Measurement(reader=reader, peak_mib=_peak_mib())
    start = time.perf_counter()
    read()
    middle = time.perf_counter()
    devices = flat()
    end = time.perf_counter()
    return Measurement(
        reader=reader,
        read_s=middle - start,
        flatten_s=end - middle,
        peak_mib=_peak_mib(),
        devices=devices,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_run_child(sys.argv[1], (sys.argv[2:] or [None])[0]))) + "\n")
