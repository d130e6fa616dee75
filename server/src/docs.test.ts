import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configVariables } from './config.ts';

const operating = readFileSync(new URL('../../docs/guides/operating.md', import.meta.url), 'utf8');

it.each(configVariables.map((variable) => [variable.name, variable] as const))(
  'the operating guide explains %s',
  (_, { name, description, secret }) => {
    expect(operating).toContain(`| \`${name}\`${secret ? ' *secret*' : ''} | ${description.replaceAll('<', '\\<')} |`);
  },
);
