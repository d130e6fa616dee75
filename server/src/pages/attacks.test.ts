import { hash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const target = 'https://product.example/signed-in';
const evil = 'https://evil.example';
const codeChallenge = hash('sha256', 'verifier-of-the-attacker-which-is-long-enough', 'base64url');

let db: UndoableDb;
let test: TestApp;
let world: World;
let other: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [target, `${target}?*`], allowedOrigins: [evil] } });
  other = await createWorld(test, { settings: { allowedOrigins: [evil] } });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;

async function signIn() {
  const person = await world.person({ verified: true });
  const visitor = createVisitor(test);
  await visitor.open(at('sign-in'));
  await visitor.press('Continue', { email: person.email });
  await visitor.press('Sign in', { password });
  return { person, visitor };
}

const everyPage = [
  'sign-in',
  'sign-up',
  'verify',
  'forgot-password',
  'reset-password',
  'invitation',
  'account',
  'account/second-factors',
  'continue',
  'signed-out',
];

describe('a page of another origin', () => {
  it.each([
    ['the app', () => world],
    ['another app', () => other],
  ])('that %s allows cannot read pages', async (_, allowing) => {
    const { visitor } = await signIn();
    for (const page of everyPage) {
      const headers = { origin: evil, 'sec-fetch-site': 'same-site', 'x-app-name': allowing().appName };
      const query = { return_to: target, code_challenge: codeChallenge };
      const { headers: sent } = await visitor.open(at(page, query), headers);
      expect([page, sent['access-control-allow-origin']]).toEqual([page, undefined]);
    }
  });
});
