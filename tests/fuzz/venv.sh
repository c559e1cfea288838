#!/usr/bin/env bash
# Makes Schemathesis there, in var/fuzz/venv, as requirements.txt says. Prints why, if it cannot.
set -euo pipefail

cd "${BASH_SOURCE[0]%/*}"
readonly venv=../../var/fuzz/venv

give_up() {
  rm -rf "$venv"
  echo "the tests by Schemathesis are SKIPPED: $*"
  exit 0
}

# Of another version, or broken off.
cmp -s requirements.txt "$venv/requirements.txt" && exit
rm -rf "$venv"
python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
  give_up "they need python3, 3.10 or newer, with its module venv"
echo "installing Schemathesis into var/fuzz/venv" >&2
python3 -m venv "$venv" || give_up "python3 cannot make a virtual environment"
"$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 15 -r requirements.txt >&2 ||
  give_up "pip cannot install them; is its package index within reach?"
cp requirements.txt "$venv"
