#!/usr/bin/env bash
# Writes the generated part of the SDK from the OpenAPI document. Without an argument, the generator is installed into a
# temporary directory.
#
#   .ci/tools/sdk-types.sh && git diff --exit-code sdk/src/generated
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
sdk=$tools/../../sdk
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$tools"/{package.json,package-lock.json} "$work"
cd "$work"
npm ci --silent --no-audit --no-fund
document=$tools/../../docs/openapi.json
npx --no-install openapi-ts --silent --input "$document" --output types --plugins @hey-api/typescript
cp types/types.gen.ts "$sdk/src/generated/types.gen.ts"
cd "$sdk"
node scripts/generate.js
"$tools/../../node_modules/.bin/oxfmt" src/generated/operations.ts
