#!/usr/bin/env bash
# The hosted pages in Firefox, with the keyboard alone. Skipped where Firefox is missing.
#
#   .ci/tools/firefox.sh DIRECTORY     an empty directory for tools; `npm run build` comes first
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
work=$1

[[ -x /usr/bin/firefox-esr ]] || { echo 'There is no firefox-esr: skipped'; exit 0; }
cp "$tools"/{package.json,package-lock.json} "$work"
npm ci --silent --no-audit --no-fund --prefix "$work"
node "$tools/with-service.js" node "$tools/firefox.js" "$work/package.json"
