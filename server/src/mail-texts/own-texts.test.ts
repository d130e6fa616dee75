import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MailServer, startMailServer } from '../test/mail-server.ts';
import { openOutbox } from '../test/outbox.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let server: MailServer;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  server = await startMailServer();
});
afterAll(async () => {
  await server?.close();
  await app?.close();
});

const set = (mail: object, name = world.appName) =>
  world.operate('PATCH', `/v1/platform/apps/${name}`, { settings: { mail } });

describe('settings of mails are refused', () => {
  const notThere = (name: string, there: string) => `Unknown placeholder {{${name}}}. Allowed here: ${there}.`;

  const misnamed = 'Must be named <language>.<purpose>.<part>, such as en.invitation.subject, or <language>.footer.';

  test.each<[what: string, key: string, text: string, message: string]>([
    ['with an unknown key', 'invite.subject', 'Join', misnamed],
    ['with an unknown language', 'fr.invitation.subject', 'Join', misnamed],
    ['with an unknown purpose', 'en.newsletter.subject', 'News', misnamed],
    ['with an unknown part', 'en.invitation.title', 'Join', misnamed],
    ['with a key of every object', 'constructor', 'Join', misnamed],
    [
      'with an unknown name',
      'en.invitation.subject',
      '{{code}}',
      notThere('code', '{{brandName}}, {{organizationName}}, {{role}}'),
    ],
    ['with a name of another purpose', 'en.email_verification.body', '{{role}}', notThere('role', '{{brandName}}')],
    ['with blanks in a name', 'en.footer', '{{ brandName }}', notThere(' brandName ', '{{brandName}}')],
    ['with an empty subject', 'ar.invitation.subject', ' ', 'Must not be empty.'],
    ['with two lines in a subject', 'en.invitation.subject', 'Join\nBcc: x@example.com', 'Must be one line.'],
    ['with a control character', 'en.invitation.body', 'a\rb', 'Must not contain control characters.'],
    ['that are too long', 'en.invitation.body', 'x'.repeat(5001), 'At most 5000 characters.'],
  ])('%s', async (_, key, text, message) => {
    const response = await set({ texts: { 'en.footer': 'fine', [key]: text } });
    expect(problem(response)).toBe('400 validation_failed');
    const found = faults(response);
    expect(Object.keys(found).every((pointer) => pointer.startsWith('/body/settings/mail/texts/'))).toBe(true);
    expect(Object.values(found)).toEqual([message]);
  });

  test.each<[field: string, value: unknown]>([
    ['fromName', 'Acme\r\nBcc: x@example.com'],
    ['fromName', ''],
    ['brandName', 'a\u2028b'],
    ['replyTo', 'help@acme.example\r\nBcc: x@example.com'],
    ['fromAddress', 'Acme <a@acme.example>'],
    ['logoUrl', 'http://acme.example/logo.png'],
    ['logoUrl', 'javascript:alert(1)'],
    ['color', '#fff'],
    ['color', 'red;background:url(x)'],
    ['color', '#1f6feb\n'],
    ['language', 'ar'],
  ])('mail settings with %s %j are refused', async (field, value) => {
    const response = await set({ [field]: value });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([`/body/settings/mail/${field}`]);
  });
});

describe('settings of mails', () => {
  const look = {
    fromName: 'حديقة',
    fromAddress: 'hello@garden.example',
    replyTo: 'help@garden.example',
    brandName: 'Garden',
    logoUrl: 'https://garden.example/logo.png',
    color: '#ffd84d',
    texts: {
      'ar.email_verification.subject': 'أهلًا بك في {{brandName}}',
      'en.email_verification.subject': 'Welcome to {{brandName}}',
    },
  };

  test('decide how a mail is sent, in the language of its user or else of the app', async () => {
    const garden = await createWorld(app, { settings: { mail: look, language: 'ar' } });
    const signUp = (email: string, more: object) =>
      garden.call('POST', '/v1/authentication/users', {
        body: { firstName: 'Nora', lastName: 'Doe', email, password: 'Password@123JonDoeInc', ...more },
      });
    expect((await signUp('one@garden.example', {})).statusCode).toBe(201);
    expect((await signUp('two@garden.example', { language: 'en' })).statusCode).toBe(201);
    expect((await garden.mail('one@garden.example')).subject).toBe('أهلًا بك في Garden');
    await openOutbox(app, garden).run(server);
    const mailTo = (address: string) => server.mails.find(({ envelope }) => envelope.to[0] === address);
    const [one, two] = [mailTo('one@garden.example'), mailTo('two@garden.example')];
    expect([one?.subject, two?.subject]).toEqual(['أهلًا بك في Garden', 'Welcome to Garden']);
    expect([one?.headers.get('content-language'), two?.headers.get('content-language')]).toEqual(['ar', 'en']);
    expect(one).toMatchObject({
      from: { value: [{ name: 'حديقة', address: 'hello@garden.example' }] },
      replyTo: { text: 'help@garden.example' },
      envelope: { from: 'mail@gatehouse.example' },
    });
    expect(one?.html).toContain('<html lang="ar" dir="rtl">');
    expect(one?.html).toContain('src="https://garden.example/logo.png"');
    expect(one?.html).toContain('#ffd84d');
    expect(one?.text).toContain('الرمز: ');
  });

  test('are removed by null, and texts are replaced as a whole', async () => {
    expect((await set(look)).statusCode).toBe(200);
    const response = await set({ fromName: null, logoUrl: null, texts: { 'en.footer': 'Bye' } });
    expect(response.json()).toMatchObject({
      settings: { mail: { ...look, fromName: null, logoUrl: null, texts: { 'en.footer': 'Bye' } } },
    });
  });
});
