# Five verbs; `just --list` shows them.

# the package with its test and development tools, editable
install:
    python -m pip install -e '.[test,dev]'

# lint, format, types
check:
    ruff check
    ruff format --check
    mypy

# the test suite; arguments go to pytest
test *args:
    pytest {{ args }}

# how the bundled model is trained
train:
    @cat circuitgcl/models/bundled/MODEL_CARD.md

# every benchmark script, one after the other
bench:
    #!/usr/bin/env bash
    set -euo pipefail
    for script in benchmarks/*.py; do
        echo "== ${script}"
        python "${script}"
    done
