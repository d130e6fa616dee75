import { mkdir, writeFile } from 'node:fs/promises';
import { toOpenApi } from '../src/openapi/openapi.ts';
import { toText } from '../src/openapi/text.ts';
import { routes } from '../src/routes.ts';

/** Writes the document that is checked in, so that a change of the API is visible as a diff. */
const target = new URL('../../docs/openapi.json', import.meta.url);
await mkdir(new URL('.', target), { recursive: true });
await writeFile(target, toText(toOpenApi(routes)));
