import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import type { createVisitor } from '../test/world/visitor.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let owner: Person;
let orgId: string;
let visitor: ReturnType<typeof createVisitor>;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme' });
  visitor = await signInOnPages(world, owner);
  await addSessions();
  await addOrganizations();
  await addMembers();
});
afterAll(() => test?.close());

const userAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36';
const ip = '2001:db8:85a3:8d3:1319:8a2e:370:7348';

/** As many as a person may have by default. */
const addSessions = () =>
  test.db.query(sql`
    INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
      idle_expires_at, user_agent, ip)
    SELECT app_id, id + n, user_id, sha256((id + n)::text::bytea), amr, authenticated_at, created_at, last_seen_at,
      expires_at, idle_expires_at, ${userAgent}, ${ip}
    FROM (SELECT * FROM sessions WHERE app_id = ${world.appId} AND user_id = ${owner.userId} LIMIT 1) AS own,
      generate_series(1, 97) AS n`);

const longName = 'Association of Makers and Sellers of Instruments for Measurement';

/** More than a page shows. */
async function addOrganizations(): Promise<void> {
  for (let place = 1; place <= 40; place += 1) await world.organization(owner, { name: `${longName} ${place}` });
}

async function addMembers(): Promise<void> {
  for (let place = 1; place <= 30; place += 1) await world.manager(orgId);
}

const languages = ['en', 'ar'];

describe('with more sessions, organizations and members than it shows, a page is at most 30 kB:', () => {
  const pages: readonly (readonly [path: string, query: () => Record<string, string>])[] = [
    ['account', () => ({})],
    ['account', () => ({ cursor: '90' })],
    ['account/api-keys', () => ({})],
    ['account/identities', () => ({})],
    ['organizations', () => ({})],
    ['organizations/members', () => ({ org: orgId })],
    ['organizations/invitations', () => ({ org: orgId })],
  ];

  it.each(languages.flatMap((language) => pages.map(([path, query]) => [path, language, query] as const)))(
    '%s (%s)',
    async (path, language, query) => {
      const parameters = new URLSearchParams(query()).toString();
      const { status, html } = await visitor.open(`/apps/${world.appName}/${path}?${parameters}`, {
        'accept-language': language,
      });
      expect([status, html.includes(`lang="${language}"`)]).toEqual([200, true]);
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(30_000);
    },
  );
});

describe('the account page', () => {
  const sessionsOn = (html: string) => html.match(/value="end-session"/g)?.length ?? 0;

  it('shows the own session first, and all others page by page', async () => {
    let ended = 0;
    let { html } = await visitor.open(`/apps/${world.appName}/account`);
    expect(html).toContain('This session');
    for (;;) {
      ended += sessionsOn(html);
      const next = /href="([^"]+cursor=\d+[^"]*)"/.exec(html)?.[1];
      if (next === undefined) break;
      ({ html } = await visitor.open(next.replaceAll('&amp;', '&')));
      expect([next, html.includes('>This session<')]).toEqual([next, false]);
    }
    const [row] = await test.db.query<{ count: number }>(sql`
      SELECT count(*)::integer AS count FROM sessions WHERE app_id = ${world.appId} AND user_id = ${owner.userId}`);
    expect(ended).toBe((row?.count ?? 0) - 1);
  });

  it.each(['-1', '1e3', 'x', '900', '99999'])('shows the beginning of the list for the position %s', async (cursor) => {
    const { status, html } = await visitor.open(`/apps/${world.appName}/account?cursor=${cursor}`);
    expect([status, html.includes('This session')]).toEqual([200, true]);
  });

  it('links to all organizations', async () => {
    const { html } = await visitor.open(`/apps/${world.appName}/account`);
    const [, all = ''] = /href="([^"]+\/organizations\?list=all[^"]*)"/.exec(html) ?? [];
    const list = await visitor.open(all.replaceAll('&amp;', '&'));
    expect([list.status, list.html.includes(longName)]).toEqual([200, true]);
  });
});
