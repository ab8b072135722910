"""Nothing in the package or under version control is tied to one machine, and nothing is unpickled."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import circuitgcl

PACKAGE = Path(circuitgcl.__file__).parent
CHECKOUT = Path(__file__).resolve().parents[2]

# Written with character classes, so that this file does not match its own patterns.
MACHINE_PATHS = (
    r"(?<![\w.$}])/(?:[w]ork|[t]mp/venv|[r]oot|opt/[p]ypi[\w-]*|opt/[w]heels|home/\w+|Users/\w+)(?:/|\b)"
)
REGISTRY_HOSTS = (
    r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(?:org|com)|"
    r"[d]ebian\.org|[a]naconda\.org|[d]ownload\.pytorch\.org"
)
UNPICKLING = r"(?:[p]ickle|dill|joblib)\.loads?\b|[t]orch\.load\((?!.*\bweights_only=True\))"


def offences(pattern: str, paths: list[Path]) -> list[str]:
    """`path:line: text` of every line that matches; files that are not UTF-8 text are passed over."""
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path}:{n}: {line[:120]}" for n, line in enumerate(lines, 1) if re.search(pattern, line)]
    return found


@pytest.fixture(scope="module")
def package_files() -> list[Path]:
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert files
    return files


@pytest.fixture(scope="module")
def tracked_files() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (CHECKOUT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        [git, "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    # A tracked file may be deleted in the working tree; a tracked link may point nowhere.
    return [CHECKOUT / name for name in listing.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["machine paths", "registry hosts"])
def test_package_is_tied_to_no_machine(pattern, package_files):
    found = offences(pattern, package_files)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["machine paths", "registry hosts"])
def test_checkout_is_tied_to_no_machine(pattern, tracked_files):
    found = offences(pattern, tracked_files)
    assert not found, "\n".join(found)


def test_package_unpickles_nothing(package_files):
    found = offences(UNPICKLING, [path for path in package_files if path.suffix == ".py"])
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATHS, "see /{}/main/netlists".format("work")),
        (MACHINE_PATHS, "{}/bin/python".format("/tmp/" + "venv")),
        (REGISTRY_HOSTS, "https://{}/simple".format("pypi" + ".org")),
        (UNPICKLING, "state = {}(path)".format("torch" + ".load")),
        (UNPICKLING, "state = {}(data)".format("pickle" + ".loads")),
    ],
)
def test_patterns_match_what_they_are_for(pattern, line):
    assert re.search(pattern, line)


@pytest.mark.parametrize("line", ["a/work/b", "../work", "framework/", "${HOME}/work", "workload"])
def test_relative_paths_are_no_machine_paths(line):
    assert not re.search(MACHINE_PATHS, line)
