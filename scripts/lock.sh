#!/usr/bin/env bash
# Writes the versions that .venv holds now to requirements.lock (make lock).
set -euo pipefail
cd "$(dirname "$0")/.."
{
    echo "# Versions of every package, taken by 'make lock' from an environment in which 'make test' passed."
    # A local build's tag (torch's +cpu) is left out: any build of that version will do.
    .venv/bin/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools | sed 's/+cpu$//' | grep -v '^-e'
} >requirements.lock
