import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configVariables } from './config.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const operating = read('docs/guides/operating.md');
const readme = read('README.md');

type Manifest = Partial<Record<'dependencies' | 'devDependencies', Record<string, string>>>;

const dependencies = ['package.json', 'server/package.json', 'bench/package.json'].flatMap((path) => {
  const manifest = JSON.parse(read(path)) as Manifest;
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
});

it.each(configVariables.map((variable) => [variable.name, variable] as const))(
  'the operating guide explains %s',
  (_, { name, description, secret }) => {
    expect(operating).toContain(`| \`${name}\`${secret ? ' *secret*' : ''} | ${description.replaceAll('<', '\\<')} |`);
  },
);

it.each(dependencies)('the README says why %s is needed', (name) => {
  expect(readme).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|.+\\| \\S+ \\|$`, 'm'));
});
