#!/usr/bin/env bash
# Generates the TypeScript client (openapi-ts), compiles it with its use, and uses it against a running service.
#
#   .ci/tools/typescript.sh DIRECTORY     an empty directory for tools and client; `npm run build` comes first
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
work=$1

cp "$tools"/{package.json,package-lock.json} "$tools"/typescript/* "$work"
cd "$work"
npm ci --silent --no-audit --no-fund

npx --no-install openapi-ts --silent --input "$tools/../../docs/openapi.json" --output client
npx --no-install tsc --project .
node "$tools/with-service.js" "$tools/../../node_modules/.bin/tsx" "$work/use.ts"
