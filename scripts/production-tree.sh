#!/usr/bin/env bash
# Copies the files that production needs to a directory: the built service and the packages that it loads, without tools
# for building and testing.
#
#   npm ci && npm run build && scripts/production-tree.sh DIRECTORY
#   node DIRECTORY/server/dist/main.js
set -euo pipefail
target=$(realpath -m "${1:?usage: scripts/production-tree.sh DIRECTORY}")
cd "$(dirname "$0")/.."

mkdir -p "$target/server"
cp package.json package-lock.json LICENSE "$target"
cp server/package.json "$target/server"
cp -r server/dist "$target/server"
npm ci --prefix "$target" --workspace server --omit=dev --ignore-scripts --no-audit --no-fund
# The service loads neither types nor source maps of packages, nor the CommonJS twin of this package.
find "$target/node_modules" \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete
rm -r "$target/node_modules/@simplewebauthn/server/script"
