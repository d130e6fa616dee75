#!/usr/bin/env bash
# Uses the packed SDK in Node, Bun, Deno and workerd against a running service.
#
#   npm run build && .ci/tools/runtimes.sh DIRECTORY     an empty directory for the runtimes
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$tools/../.." && pwd)
work=$1

cd "$root"
npm run --silent build --workspace sdk
npm pack --silent --workspace sdk --pack-destination "$work" >/dev/null
cp "$tools"/runtimes/* "$work"
cd "$work"
npm ci --silent --no-audit --no-fund
npm install --silent --no-save --no-audit --no-fund ./gatehouse-sdk-*.tgz
npx --no-install esbuild worker.mjs --bundle --format=esm --outfile=worker.bundle.mjs --log-level=warning

failed=0
try() { # NAME COMMAND…
  printf '%s: ' "$1"
  shift
  node "$tools/with-service.js" "$@" || failed=1
}
bin=$work/node_modules/.bin
try "Node $(node --version)" node main.mjs
try "Bun $("$bin/bun" --version)" "$bin/bun" main.mjs
try "Deno $("$bin/deno" --version | head -1)" "$bin/deno" run --allow-env --allow-net --allow-read --no-prompt main.mjs
try workerd node workerd.mjs
exit $failed
