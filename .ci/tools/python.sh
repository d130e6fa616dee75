#!/usr/bin/env bash
# Generates the Python client (openapi-generator), type-checks it where it is used, and uses it against a running
# service.
#
#   .ci/tools/python.sh DIRECTORY     an empty directory for tools and client; `npm run build` comes first
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
work=$1

python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH
pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$tools/requirements.txt"

openapi-generator-cli generate --generator-name python --input-spec "$tools/../../docs/openapi.json" \
  --output "$work/client" \
  --additional-properties packageName=gatehouse_client,projectName=gatehouse-client \
  >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$work/client"

cp "$tools"/python/* "$work"
(cd "$work" && mypy use.py)
node "$tools/with-service.js" python "$work/use.py"
