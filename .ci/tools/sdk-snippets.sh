#!/usr/bin/env bash
# Compiles the calls that the pages of operations show against the SDK as built.
#
#   npm run build && .ci/tools/sdk-snippets.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d sdk/snippets-XXXXXX)
trap 'rm -rf "$work"' EXIT

npm run --silent build --workspace sdk
node .ci/tools/sdk-snippets.js "$work"
echo '{ "extends": "../tsconfig.json", "include": ["."] }' >"$work/tsconfig.json"
node_modules/.bin/tsc --project "$work"
