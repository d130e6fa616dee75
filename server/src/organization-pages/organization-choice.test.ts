import { createHash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

const target = 'https://app.example.com/start';
const asked = { return_to: target, organization: 'choose' };
const verifier = 'verifier-of-the-product-which-is-long-enough-43';
const codeChallenge = createHash('sha256').update(verifier).digest('base64url');

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [target, `${target}?*`] } });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${String(new URLSearchParams({ ...asked, ...query }))}`;

/** The address to which a page redirects the browser. */
const goalOf = (html: string) => /content="0;url=([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&');

/** Signs in with the parameters of a product. */
async function arrive({ email }: Person, query: Readonly<Record<string, string>> = {}) {
  const visitor = createVisitor(test);
  await visitor.open(at('sign-in', query));
  await visitor.press('Continue', { email });
  return { visitor, page: await visitor.press('Sign in', { password }) };
}

async function inTwo() {
  const person = await world.person();
  const first = await world.organization(person, { name: 'Acme' });
  const second = await world.organization(await world.person(), { name: 'Beta' });
  const body = { email: person.email, firstName: 'Jon', lastName: 'Doe', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${second}/members`, { token: world.admin.token, body });
  return { person, first, second };
}

/** The buttons of the organizations all have the same text, so the form is chosen by its organization. */
async function choose(
  visitor: ReturnType<typeof createVisitor>,
  forms: Awaited<ReturnType<typeof visitor.open>>['forms'],
  org: string,
) {
  const form = forms.find(({ values }) => values['org'] === org);
  return visitor.post(form?.action ?? '', form?.values ?? {});
}

describe('a product that requests an organization', () => {
  it('gets the chosen one in the address', async () => {
    const { person, second } = await inTwo();
    const { visitor, page } = await arrive(person);
    expect(page.text).toContain('With which organization do you want to continue');
    const { html } = await choose(visitor, page.forms, second);
    expect(goalOf(html)).toBe(`${target}?organization=${second}`);
  });

  it('gets the organization with the code, and instead of the parameter that the address already has', async () => {
    const { person, first } = await inTwo();
    const query = { return_to: `${target}?organization=1&x=1`, code_challenge: codeChallenge };
    const { visitor, page } = await arrive(person, query);
    const { html } = await choose(visitor, page.forms, first);
    expect(goalOf(html)).toMatch(new RegExp(`^${target}\\?x=1&organization=${first}&code=gh_x_[\\w-]{43}$`));
  });

  it('gets the only organization of a person without a question', async () => {
    const person = await world.person();
    const orgId = await world.organization(person);
    expect(goalOf((await arrive(person)).page.html)).toBe(`${target}?organization=${orgId}`);
  });

  it('gets the only active organization, and never a deactivated one', async () => {
    const { person, first, second } = await inTwo();
    const url = `/v1/authorization/organizations/${first}/deactivate`;
    await world.call('POST', url, { token: world.admin.token, body: {} });
    expect(goalOf((await arrive(person)).page.html)).toBe(`${target}?organization=${second}`);
  });

  it('gets no organization from people without one, after they have read this', async () => {
    const { visitor, page } = await arrive(await world.person(), { return_to: `${target}?organization=1` });
    expect(page.text).toContain('You are in no organization');
    expect(goalOf((await visitor.press('Continue without an organization')).html)).toBe(target);
  });

  it('gets an organization to which the super admin belongs, not any organization of the app', async () => {
    const { first } = await inTwo();
    const mine = await world.organization(world.admin);
    const { visitor, page } = await arrive(world.admin);
    expect(goalOf(page.html)).toBe(`${target}?organization=${mine}`);
    await world.organization(world.admin);
    const list = await visitor.open(at('organizations'));
    expect(list.html).not.toContain(first);
  });
});

describe('the code of a product', () => {
  const exchange = (code: string, returnTo = target) =>
    world.call('POST', '/v1/authentication/users/sessions/exchange', {
      body: { code, codeVerifier: verifier, returnTo },
    });
  /** Chooses on the page. @returns the address that the browser then opens */
  async function addressAfter(person: Person, org: string, returnTo = target): Promise<URL> {
    const { visitor, page } = await arrive(person, { return_to: returnTo, code_challenge: codeChallenge });
    const { html } = await choose(visitor, page.forms, org);
    return new URL(goalOf(html) ?? '');
  }

  it('contains the choice of the person, not the organization in the address, and is used once', async () => {
    const { person, first, second } = await inTwo();
    const returnTo = `${target}?organization=${first}`;
    const code = (await addressAfter(person, second, returnTo)).searchParams.get('code') ?? '';
    expect((await exchange(code, returnTo)).json()).toMatchObject({ userId: person.userId, organizationId: second });
    expect((await exchange(code, returnTo)).statusCode).toBe(400);
  });

  it('contains no organization if the person continues without one', async () => {
    const { visitor } = await arrive(await world.person(), { code_challenge: codeChallenge });
    const { html } = await visitor.press('Continue without an organization');
    const code = new URL(goalOf(html) ?? '').searchParams.get('code') ?? '';
    expect((await exchange(code)).json()).not.toHaveProperty('organizationId');
  });

  it('contains no organization if the product did not ask for one', async () => {
    const { person } = await inTwo();
    const { page } = await arrive(person, { code_challenge: codeChallenge, organization: '1' });
    const code = new URL(goalOf(page.html) ?? '').searchParams.get('code') ?? '';
    expect((await exchange(code)).json()).not.toHaveProperty('organizationId');
  });
});

describe('an organization', () => {
  it('is not chosen by a link of another person', async () => {
    const { person, first } = await inTwo();
    const { visitor } = await arrive(person);
    const eve = await signInOnPages(world, await world.person());
    await eve.open(at('organizations'));
    for (const choice of ['', 'x'.repeat(43), 'constructor']) {
      const page = await visitor.open(at('continue', { chosen: first, choice }));
      expect([choice, page.text.includes('With which organization')]).toEqual([choice, true]);
    }
  });

  it('is not chosen by the choice of another browser or another organization', async () => {
    const { person, first, second } = await inTwo();
    const { visitor, page } = await arrive(person);
    const form = page.forms.find(({ values }) => values['org'] === first);
    const redirect = await test.app.inject({
      method: 'POST',
      url: form?.action ?? '',
      headers: {
        cookie: [...visitor.jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
        origin: test.services.config.publicUrl,
      },
      payload: new URLSearchParams(form?.values).toString(),
    });
    const chosen = new URL(String(redirect.headers.location), 'http://x').searchParams;
    const choice = chosen.get('choice') ?? '';
    expect(goalOf((await visitor.open(at('continue', { chosen: first, choice }))).html)).toContain(first);
    expect((await visitor.open(at('continue', { chosen: second, choice }))).path).toContain('/organizations');
    const { visitor: elsewhere } = await arrive(person);
    expect((await elsewhere.open(at('continue', { chosen: first, choice }))).path).toContain('/organizations');
  });

  it('an organization of others, or one that the person has left, is refused', async () => {
    const { person, second } = await inTwo();
    const foreign = await world.organization(await world.person());
    const { visitor, page } = await arrive(person);
    const { values = {}, action = '' } = page.forms.find((form) => form.values['org'] === second) ?? {};
    const refused = await visitor.post(action, { ...values, org: foreign });
    expect([refused.status, refused.text.includes('There is no such organization')]).toEqual([404, true]);
    const url = `/v1/authentication/users/me/organizations/${second}`;
    await world.call('DELETE', url, { token: person.token });
    expect((await visitor.post(action, values)).status).toBe(404);
  });

  it('is never part of an address if the product does not ask', async () => {
    const { person } = await inTwo();
    const { page } = await arrive(person, { organization: '1' });
    expect(goalOf(page.html)).toBe(target);
  });
});

describe('many organizations', () => {
  it('are paged, and each can be chosen', async () => {
    const person = await world.person();
    const ids: string[] = [];
    for (let made = 0; made < 51; made += 1) ids.push(await world.organization(person));
    const { visitor, page } = await arrive(person);
    const next = /<a href="([^"]+cursor=[^"]+)">More/.exec(page.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const { forms } = await visitor.open(next);
    const last = ids.at(-1) ?? '';
    expect(goalOf((await choose(visitor, forms, last)).html)).toBe(`${target}?organization=${last}`);
  });
});
