import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configVariables } from '../config.ts';
import { securityActions } from '../access/security-actions.ts';
import { errorCodes } from '../http/errors.ts';
import { routes } from '../routes.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { contents } from '../../scripts/docs/contents.js';
import { documentationPages } from './documentation.ts';
import { counterparts } from './documented-pages.ts';

let test: TestApp;
beforeAll(async () => {
  test = await buildTestApp();
});
afterAll(() => test.close());

const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';
const get = (url: string, accept?: string) =>
  test.app.inject({ method: 'GET', url, headers: accept === undefined ? {} : { accept } });

const documented = routes.filter(({ hidden }) => !hidden);
const actions = routes.flatMap(({ audit }) => (typeof audit === 'string' ? [audit] : []));

describe('a shared cache', () => {
  it.each(['/', '/docs', ...documentationPages().map(({ address }) => address)])(
    'gets separate entries of %s for people and programs, and may serve other origins',
    async (url) => {
      for (const accept of [browser, 'text/markdown']) {
        const { headers } = await get(url, accept);
        const names = String(headers['vary']).split(', ');
        const mayBeKept = String(headers['cache-control']) !== 'no-store';
        expect(names).toEqual(expect.arrayContaining(mayBeKept ? ['Origin', 'Accept'] : ['Origin']));
        expect(new Set(names).size).toBe(names.length);
      }
    },
  );
});

describe('diagrams', () => {
  it('are lists, which every browser and screen reader shows', async () => {
    for (const { address } of documentationPages()) {
      const { body } = await get(address, browser);
      expect([address, /sequenceDiagram|flowchart (?:LR|TD)|stateDiagram/.exec(body)?.[0]]).toEqual([
        address,
        undefined,
      ]);
    }
  });

  it.each([
    ['account', '<li><b>Person</b> → <b>Gatehouse</b>: POST users/me/email'],
    ['account', '<li>If last owner of an organization, or last super admin:<ol><li>'],
    ['account', '</ol></li><li>Otherwise:<ol><li>'],
    ['account', '<li><b>Gatehouse</b>: count the attempt'],
    ['high-availability', '<b>primary</b> → <b>standby</b> (streaming replication)'],
    ['organizations', '<b>Active</b> → <b>Inactive</b> (deactivate)'],
  ])('the diagrams of %s say %s', async (guide, line) => {
    const { address = '' } = documentationPages().find((page) => page.address.endsWith(`/${guide}`)) ?? {};
    expect((await get(address, browser)).body).toContain(line);
  });
});

describe('recipes', () => {
  const fromRoot = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

  it.each([
    ['express', 'app.js'],
    ['fastapi', 'gatehouse.py'],
    ['fastapi', 'main.py'],
    ['go', 'gatehouse.go'],
    ['go', 'main.go'],
    ['spring', 'pom.xml'],
    ['spring', 'src/main/java/example/App.java'],
  ])('the recipes for %s show %s of the example unchanged', (recipe, file) => {
    expect(fromRoot(`docs/recipes/${recipe}.md`)).toContain(fromRoot(`examples/protect-${recipe}/${file}`));
  });
});

describe('each block of a recipe', () => {
  const { entries } = contents.find(({ title }) => title === 'Recipes') ?? { entries: [] };

  it.each(entries.map(({ source }) => source))('in %s is a file with a name, commands or their output', (source) => {
    const page = readFileSync(new URL(`../../../${source}`, import.meta.url), 'utf8');
    const blocks = Array.from(page.matchAll(/^(.*)\n\n```(\w+)\n/gm), ([, before = '', language = '']) => ({
      before,
      language,
    }));
    const nameless = blocks.filter(
      ({ before, language }) => !['bash', 'text'].includes(language) && !/^Save this as `[^`]+`[^`]*:$/.test(before),
    );
    expect([blocks.length > 2, nameless]).toEqual([true, []]);
  });
});

describe('guides', () => {
  const groups = new Set(['People', 'Organizations', 'Machines and tokens', 'Apps']);
  const setUps = /-(google|microsoft|oidc)$|generated-clients$/;
  const guides = contents
    .filter(({ title }) => groups.has(title))
    .flatMap(({ entries }) => entries.map(({ address }) => address))
    .filter((address) => !setUps.test(address));

  it.each(guides)('%s says what can go wrong', async (address) => {
    const { body } = await get(`${address}.md`);
    expect(body).toContain('## What can go wrong');
    const section = body.slice(body.indexOf('## What can go wrong'));
    const codes = Array.from(section.matchAll(/^\| `([a-z_]+)` \|/gm), ([, code = '']) => code);
    expect(codes.filter((code) => !(code in errorCodes))).toEqual([]);
  });
});

describe('pages', () => {
  it.each(documentationPages().map(({ address, title }) => [address, title] as const))(
    '%s is there for people and for programs',
    async (address, title) => {
      const page = await get(address, browser);
      expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.headers['link']).toBe(`<${address}.md>; rel="alternate"; type="text/markdown"`);
      expect(page.body).toContain('<main id="text">');
      expect(page.body).not.toMatch(/<[^>]+ (style|on\w+)=/);
      const twin = await get(`${address}.md`);
      expect([twin.statusCode, twin.headers['content-type']]).toEqual([200, 'text/markdown; charset=utf-8']);
      expect(twin.body).toMatch(/^# \S/);
      const asked = await get(address, 'text/markdown');
      expect([asked.body === twin.body, asked.headers['vary']]).toEqual([true, 'Origin, Accept, Accept-Encoding']);
      expect(title).not.toBe('');
    },
  );

  it.each([
    ...documented.map(({ operationId }) => `/docs/api/${operationId}`),
    ...configVariables.map(({ name }) => `/docs/variables/${name}`),
    ...[...new Set(actions), ...Object.keys(securityActions)].map((action) => `/docs/audit-events/${action}`),
    ...['sessionLifeSeconds', 'limits.signInsPerAddressPerHour', 'mail.fromName'].map(
      (name) => `/docs/settings/${name}`,
    ),
  ])('there is %s', (address) => {
    expect(documentationPages().map((page) => page.address)).toContain(address);
  });

  it.each(['/docs/guides/nonsense', '/docs/nonsense', '/docs/guides/..%2f..%2fpackage.json', '/docs/guides/mail.txt'])(
    'there is no %s',
    async (address) => expect((await get(address)).statusCode).toBe(404),
  );

  it.each([
    ['text/markdown;q=0.1, text/html', 'text/html'],
    ['text/html;q=0.1, text/markdown;q=0.9', 'text/markdown'],
    ['text/markdown;q=0', 'text/html'],
    ['*/*', 'text/html'],
  ])('asked for with %s is %s', async (accept, type) => {
    expect((await get('/docs/guides/mail', accept)).headers['content-type']).toContain(type);
  });

  it('load only files of this service, which may be kept for ever', async () => {
    const { body, headers } = await get('/docs/guides/mail', browser);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    const files = Array.from(
      body.matchAll(/(?:src|data-index|rel="stylesheet" href)="([^"]+)"/g),
      ([, file = '']) => file,
    );
    expect(files).toHaveLength(4);
    for (const file of files) {
      const { statusCode, headers: sent } = await get(file);
      expect([file, statusCode, sent['cache-control']]).toEqual([file, 200, 'public, max-age=31536000, immutable']);
    }
  });

  it.each(documentationPages().map(({ address }) => address))('%s has no note for the checks', async (address) => {
    const bodies = await Promise.all([get(address, browser), get(`${address}.md`)]);
    expect(bodies.filter(({ body }) => body.includes('# not pasted'))).toEqual([]);
  });

  it.each(documentationPages().map(({ address }) => address))(
    '%s has no brackets in its Markdown that are not a link',
    async (address) => {
      const { body } = await get(`${address}.md`);
      const prose = body.replaceAll(/^ *```[^]*?^ *```$|`[^`]*`/gm, '');
      expect(prose.match(/\[[^\]]*\](?!\().*/g)).toBeNull();
    },
  );

  it('keep the text of a link to a file that is not served', async () => {
    const { body } = await get('/docs/recipes/express.md');
    expect(body).toMatch(/[^[]examples\/protect-express[^\]]/);
  });

  it('lead to a heading of the quick start', async () => {
    expect((await get('/docs/guides/hosted-pages.md')).body).toContain('](/docs/quick-start.md#in-the-browser)');
    expect((await get('/docs/guides/hosted-pages', browser)).body).toContain('"/docs/quick-start#in-the-browser"');
  });

  it.each([
    ['signUp', 'orgId'],
    ['requestPasswordReset', 'orgId'],
    ['resetPassword', 'orgId'],
    ['inviteOwner', 'userId'],
    ['inviteManager', 'userId'],
    ['inviteMember', 'userId'],
  ])('of %s send no %s, which is ignored', async (operationId, field) => {
    const { body } = await get(`/docs/api/${operationId}.md`);
    const samples = Array.from(body.matchAll(/^```(?:bash|typescript)\n([^]*?)^```$/gm), ([, sample]) => sample);
    expect(samples).toHaveLength(2);
    expect(samples.join('\n').match(new RegExp(`\\b${field}"?:`))).toBeNull();
    expect(body).toContain(`| \`${field}\` |`);
  });

  it('show HTML of the Markdown as text', async () => {
    const { body } = await get('/docs/guides/mail', browser);
    expect(body.match(/<script/g)).toHaveLength(1);
  });
});

describe('lists for programs', () => {
  it('name every page, and each address exists', async () => {
    const { headers, body } = await get('/llms.txt');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    const origin = 'http://127.0.0.1:3000';
    const listed = Array.from(body.matchAll(/\]\((\S+?)\)/g), ([, link = '']) => link.replace(origin, ''));
    expect(listed).toEqual(expect.arrayContaining(documentationPages().map(({ address }) => `${address}.md`)));
    const answers = await Promise.all(listed.map(async (link) => [link, (await get(link)).statusCode]));
    expect(answers.filter(([, status]) => status !== 200)).toEqual([]);
  });

  it('have a line for each page', async () => {
    const { body } = await get('/llms.txt');
    expect(body.split('\n').filter((line) => line.startsWith('- ') && !/^- \[.+\]\(\S+\): \S/.test(line))).toEqual([]);
  });

  it('describe each page in whole sentences', async () => {
    const summaries = documentationPages()
      .filter(({ group }) => group !== 'decisions')
      .map(({ address, summary }) => [address, summary]);
    expect(summaries.filter(([, summary = '']) => !/[^.]\.$/.test(summary) || /\be\.g\.$/.test(summary))).toEqual([]);
  });

  it('name the Markdown of the error codes, which leads to each code', async () => {
    expect((await get('/llms.txt')).body).toContain('](http://127.0.0.1:3000/errors.md)');
    const { headers, body } = await get('/errors.md');
    expect(headers['content-type']).toBe('text/markdown; charset=utf-8');
    const links = Array.from(body.matchAll(/\]\(\/errors\/(\w+)\.md\)/g), ([, code]) => code);
    expect(new Set(links)).toEqual(new Set(Object.keys(errorCodes)));
    expect(body.split('\n').filter((line) => line.startsWith('| ') && line.split(' | ').length !== 3)).toEqual([]);
    expect((await get('/errors', browser)).body).toContain('href="/errors.md"');
  });

  it('have everything in one text, whose size they state', async () => {
    const { body } = await get('/llms-full.txt');
    const size = (Buffer.byteLength(body) / 1e6).toFixed(1);
    expect((await get('/llms.txt')).body).toContain(`/llms-full.txt), ${size} MB.`);
    for (const heading of ['# Quick start', '# Organizations', '# Update an organization', '# Changelog'])
      expect(`\n${body}`.includes(`\n${heading}\n`)).toBe(true);
  });

  it('point from each page only to pages that exist', async () => {
    const links = new Set<string>();
    for (const { address } of documentationPages()) {
      const { body } = await get(address, browser);
      for (const [, link = ''] of body.matchAll(/<a [^>]*href="(\/[^"#]*)/g)) links.add(link);
    }
    const answers = await Promise.all([...links].map(async (link) => [link, (await get(link)).statusCode] as const));
    // The mailbox and metrics are features of development.
    expect(answers.filter(([, status]) => status !== 200)).toEqual([]);
  });
});

describe('addresses', () => {
  it('the front page leads people to pages and programs to the list', async () => {
    const page = await get('/', browser);
    expect(page.headers['link']).toBe('</llms.txt>; rel="alternate"; type="text/markdown"');
    expect([page.statusCode, page.body]).toEqual([200, expect.stringContaining('href="/docs/tutorial"')]);
    expect((await get('/', 'text/markdown')).body).toBe((await get('/llms.txt')).body);
  });

  it('addresses of the reference keep the fragment', async () => {
    const { statusCode, headers } = await get('/docs/');
    expect([statusCode, headers['location']]).toEqual([308, '/docs']);
  });

  it('the reference answers programs with every operation', async () => {
    const { body } = await get('/docs.md');
    for (const { operationId } of documented) expect(body).toContain(`/docs/api/${operationId}.md`);
    expect((await get('/docs', 'text/markdown')).body).toBe(body);
  });

  it.each(Object.entries(counterparts))('%s leads to %s', async (from, to) => {
    for (const suffix of ['', '.md']) {
      const { statusCode, headers } = await get(from + suffix);
      expect([statusCode, headers['location']]).toEqual([308, to + suffix]);
      expect((await get(to + suffix)).statusCode).toBe(200);
    }
  });

  it('the address of a page of the documented service may end in a slash or carry a query', async () => {
    const { statusCode } = await get('/api-tutorials/basic-flows?utm_source=x');
    expect(statusCode).toBe(308);
  });

  it.each(['/nonsense', '/api-tutorials/nonsense', '/api-tutorials/a/b/c', '/api-tutorials/constructor'])(
    'the address %s shows people a page with the search, and programs a problem',
    async (address) => {
      const page = await get(address, browser);
      expect([page.statusCode, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
      expect(page.body).toContain('id="search"');
      const problem = await get(address, 'application/json');
      expect([problem.statusCode, problem.json().code]).toEqual([404, 'route_not_found']);
    },
  );

  it('addresses of the API answer with a problem, also in a browser', async () => {
    expect((await get('/v1/nonsense', browser)).json().code).toBe('route_not_found');
  });
});

describe('DOCS=off', () => {
  it('disables every page, and does not affect the API', async () => {
    const off = await buildTestApp({ env: { DOCS: 'off' } });
    const paths = ['/', '/docs', '/docs/', '/docs.md', '/docs/tutorial', '/docs/guides/mail', '/docs/guides/mail.md'];
    const others = [
      '/llms.txt',
      '/llms-full.txt',
      '/openapi.json',
      '/errors',
      '/errors.md',
      '/errors/access_denied',
      '/nonsense',
    ];
    try {
      const asset = /src="([^"]+)"/.exec((await get('/docs/guides/mail', browser)).body)?.[1] ?? '';
      for (const url of [...paths, ...others, asset, ...Object.keys(counterparts)]) {
        const { statusCode, headers } = await off.app.inject({ url, headers: { accept: browser } });
        expect([url, statusCode, headers['content-type']]).toEqual([url, 404, 'application/problem+json']);
      }
      expect((await off.app.inject('/healthz')).statusCode).toBe(200);
    } finally {
      await off.close();
    }
  });
});

it('every guide has a page', () => {
  const guides = readdirSync(new URL('../../../docs/guides/', import.meta.url)).map((name) => `docs/guides/${name}`);
  const listed = readFileSync(new URL('../../scripts/docs/contents.js', import.meta.url), 'utf8');
  const isListed = (guide: string) =>
    listed.includes(`guide('${basename(guide, '.md')}'`) || listed.includes(`'${guide}'`);
  expect(guides.filter((guide) => !isListed(guide))).toEqual([]);
});
