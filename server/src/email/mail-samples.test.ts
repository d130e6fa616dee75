import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { mailSamples } from '../test/mail-samples.ts';

const directory = new URL('../../../docs/mail-samples/', import.meta.url);
const read = (file: string) => readFile(new URL(file, directory), 'utf8');

/** `npm run mail-samples` writes them again; look at the pictures. */
describe('the samples of mails in the documentation', () => {
  test.each(mailSamples.map((sample) => [sample.name, sample] as const))('%s is current', async (name, sample) => {
    expect(await read(`${name}.html`)).toBe(sample.html);
    expect(await read(`${name}.txt`)).toBe(`Subject: ${sample.subject}\n\n${sample.text}`);
  });

  test('are those and no others, each with a picture', async () => {
    const files = (await readdir(directory, { recursive: true })).filter((file) => file.includes('.'));
    const named = new Set(files.map((file) => file.replace(/(?:-at-night)?\.\w+$/, '')));
    named.delete('README');
    expect([...named].toSorted()).toEqual(mailSamples.map(({ name }) => name).toSorted());
    for (const { name } of mailSamples) expect(files).toContain(`${name}.png`);
  });
});
