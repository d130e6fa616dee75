#!/usr/bin/env bash
# Packs the SDK, installs the file into an empty directory, and uses each entry there.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
npm run --silent build --workspace sdk
npm pack --silent --workspace sdk --pack-destination "$work" >/dev/null
mkdir "$work/tools"
cp .ci/tools/{package.json,package-lock.json} "$work/tools"
npm ci --silent --no-audit --no-fund --prefix "$work/tools"
checks=$work/tools/node_modules/.bin
"$checks/publint" --strict --pack false sdk
# The package is for ES modules only, and its entries are subpaths: TypeScript resolves neither as `node10` does.
"$checks/attw" --profile esm-only --quiet "$work"/gatehouse-sdk-*.tgz

# The adapters as the types of the frameworks see them, and the blocks of the guide.
cp -r .ci/tools/frameworks "$work/tools"
node .ci/tools/guide-blocks.js "$work/tools/frameworks"
npm install --silent --no-save --no-audit --no-fund --prefix "$work/tools" "$work"/gatehouse-sdk-*.tgz
"$checks/tsc" --project "$work/tools/frameworks"

cd "$work"
printf '{ "type": "module", "private": true }' >package.json
npm install --silent --no-audit --no-fund ./gatehouse-sdk-*.tgz
node --input-type=module --eval '
  import { createClient, machineClient } from "@gatehouse/sdk";
  const entries = ["server", "express", "fastify", "hono", "next", "browser"];
  for (const entry of entries) await import(`@gatehouse/sdk/${entry}`);
  const client = createClient({ baseUrl: "http://127.0.0.1:1", appName: "demo", retries: 0 });
  const error = await client.users.me().catch((thrown) => thrown);
  if (error.name !== "GatehouseConnectionError" || !machineClient) throw error;
'
echo 'the packed SDK works in an empty directory'
