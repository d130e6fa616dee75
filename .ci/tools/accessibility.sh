#!/usr/bin/env bash
# Checks the pages of the service with axe-core in Chromium.
#
#   .ci/tools/accessibility.sh DIRECTORY [SCREENSHOTS]     an empty directory for tools; `npm run build` comes first
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
work=$1

cp "$tools"/{package.json,package-lock.json} "$work"
npm ci --silent --no-audit --no-fund --prefix "$work"
node "$tools/with-service.js" node "$tools/accessibility.js" \
  "$work/node_modules/axe-core/axe.min.js" "$tools/../../package.json" "${@:2}"
