#!/usr/bin/env bash
# Compiles what the documentation shows in TypeScript of each operation against the SDK's types.
#
#   npm run build && .ci/tools/sdk-snippets.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d sdk/snippets-XXXXXX)
trap 'rm -rf "$work"' EXIT

node --input-type=module --eval '
  import { readFileSync, readdirSync, writeFileSync } from "node:fs";
  const [pages, target] = process.argv.slice(1);
  const files = readdirSync(pages).filter((name) => /^docs~api~.*\.md$/.test(name));
  const snippets = files.map((name) => {
    const [, code] = /^```typescript\n([^]*?)^```$/m.exec(readFileSync(`${pages}/${name}`, "utf8")) ?? [];
    if (code === undefined) throw new Error(`${name} shows no TypeScript`);
    return code;
  });
  const idsOf = (code) => /^await [\w.]+\(([\w, ]*)/.exec(code)?.[1]?.match(/\w+/g) ?? [];
  const ids = new Set(snippets.flatMap(idsOf));
  const head = [`import type { Client } from "../src/index.ts";`, "declare const client: Client;"];
  const lines = [...head, ...[...ids].map((id) => `declare const ${id}: string;`), ...snippets];
  writeFileSync(target, lines.join("\n"));
  console.log(`${snippets.length} operations`);
' server/dist/pages "$work/snippets.mts"
echo '{ "extends": "../tsconfig.json", "include": ["."] }' >"$work/tsconfig.json"
node_modules/.bin/tsc --project "$work"
