import { describe, expect, test } from 'vitest';
import { borderOf, contrast, inkOn } from './colors.ts';
import { deviceName } from './device-name.ts';
import { languageOf, languages, timeInWords } from './languages.ts';
import { type MailContent, mailPurposes, type MailPurpose } from './mail-purposes.ts';
import { type Branding, renderMail } from './render.ts';
import { mailLanguages, textParts } from './words.ts';

const look = (changes: Partial<Branding> = {}): Branding => ({
  language: 'en',
  brandName: 'Acme',
  logoUrl: undefined,
  color: undefined,
  texts: {},
  ...changes,
});
const render = (content: MailContent, changes: Partial<Branding> = {}, purpose: MailPurpose = 'invitation') =>
  renderMail(purpose, content, look(changes));

const purposes = Object.entries(mailPurposes);

describe('the words', () => {
  test.each(mailLanguages)('the words in %s use only variables that their purpose has', (language) => {
    const { words } = languages[language];
    for (const [purpose, { fields }] of purposes) {
      const known = new Set<string>(['brandName', ...fields]);
      for (const part of textParts) {
        const text = words.purposes[purpose as MailPurpose][part];
        const named = Array.from(text.matchAll(/\{\{(.*?)\}\}/g), ([, name = '']) => name);
        expect(
          named.filter((name) => !known.has(name)),
          `${purpose}.${part}`,
        ).toEqual([]);
      }
    }
  });

  test('name the same variables in every language', () => {
    const namesIn = (text: string) => [...new Set(text.match(/\{\{\w+\}\}/g))].toSorted();
    for (const [purpose] of purposes) {
      for (const part of ['subject', 'heading', 'body'] as const) {
        const [english = [], arabic = []] = mailLanguages.map((language) =>
          namesIn(languages[language].words.purposes[purpose as MailPurpose][part]),
        );
        expect([purpose, part, ...arabic]).toEqual([purpose, part, ...english]);
      }
    }
  });
});

/** Texts that a mail program or a browser interprets as an address or a telephone number. */
const linked: readonly RegExp[] = [
  // A domain, in the forms that browsers fold to one, and the schemes of links.
  /[\p{L}\p{N}][.\u2024\u3002\uFE52\uFF0E\uFF61][\p{L}\p{N}]/u,
  /(?:https?|ftp|tel|mailto|javascript)[:\uFE55\uFF1A\uA789][^\u2060]/iu,
  /[:\uFF1A][/\uFF0F\u2044\u2215\u29F8\\]/u,
  /[\p{L}\p{N}][@\uFE6B\uFF20][\p{L}\p{N}]/u,
  /\p{Nd}[\s()+./\p{Pd}]*\p{Nd}[\s()+./\p{Pd}]*\p{Nd}/u,
];

describe.each(mailLanguages)('a name that others chose, in %s', (language) => {
  const names = [
    'Locked! https://evil.example/now or mail me@evil.example',
    'evil.example',
    'evil．com',
    'evil。com',
    'evil｡com',
    'evil․com',
    'evil﹒com',
    'ｗｗｗ．ｅｖｉｌ．ｃｏｍ',
    'http：／／evil．com／login',
    'https:⁄⁄evil.com',
    'https:∕∕evil.com',
    'https꞉//evil.com',
    'evil⒈com',
    'evil.\u200Bcom',
    'evil\u2060.\u00ADcom',
    'e\u202Evil.com',
    'xn--e1awd7f.example',
    'пример.рф',
    'موقع.مثال',
    '192.0.2.7/login',
    'me＠evil．com',
    'mailto:me@evil.example',
    'tel:+15550100123',
    '+1 555 0100 123',
    'Call +1 (555) 010-0123 now',
    '0800–123–4567',
    '٠٨٠٠ ١٢٣ ٤٥٦٧',
    '０８００１２３４５６７',
    '1-800-555-0100',
    'javascript:alert(1)',
    '\\\\evil.example\\share',
  ];

  test.each(names)('makes no link: %s', (name) => {
    const content = { organizationName: name, role: name, provider: name };
    for (const purpose of ['invitation', 'role_granted', 'identity_linked'] as const) {
      const { subject, text, html } = render(content, { language, brandName: name }, purpose);
      const shown = html.replace(/<(style|head)[\s\S]*?<\/\1>/g, '').replace(/<[^>]*>/g, ' ');
      for (const part of [subject, text, shown]) {
        for (const pattern of linked) expect(part).not.toMatch(pattern);
      }
    }
  });

  test.each([...names, 'www.evil-login.com/verify-1@evil.example'])(
    'makes no link in place of an address: %s',
    (name) => {
      const sent = ['organization_security_changed', 'email_change_requested', 'super_admin_granted'] as const;
      for (const purpose of sent) {
        const content = { changedBy: name, email: name, time: '2026-01-02T03:04:05.000Z', policyChanges: [] };
        const { text, html } = render(content, { language, brandName: 'Acme' }, purpose);
        const shown = html.replace(/<(style|head)[\s\S]*?<\/\1>/g, '').replace(/<[^>]*>/g, ' ');
        for (const part of [text, shown]) {
          for (const pattern of linked.slice(0, 4)) expect(part).not.toMatch(pattern);
        }
      }
    },
  );

  test.each(['Smith & Co. Ltd.', 'Jon Doe Inc', 'Studio 54', '24 Hours', 'شركة الأمل (٢)', 'Acme 2026', '日本。'])(
    'remains unchanged in the place of a name: %s',
    (name) => {
      expect(render({ organizationName: name }, { language }).text).toContain(name);
    },
  );

  test('reads as it was written', () => {
    for (const name of ['Booking.com', 'Route 66/67', 'me@home', '+1 555 0100']) {
      expect(render({ organizationName: name }, { language }).text.replaceAll('\u2060', '')).toContain(name);
    }
  });

  test.each([
    ['x'.repeat(200), `${'x'.repeat(59)}…`],
    ['x'.repeat(60), 'x'.repeat(60)],
    ['👩\u200D💻'.repeat(70), `${'👩\u200D💻'.repeat(59)}…`],
    ['e\u0301'.repeat(61), `${'e\u0301'.repeat(59)}…`],
  ])('is cut to 60 characters in a subject, and whole in the text (%#)', (name, cut) => {
    for (const content of [{ organizationName: name }, { organizationName: 'Acme' }]) {
      const brandName = content.organizationName === name ? 'Acme' : name;
      const { subject, text } = render(content, { language, brandName });
      expect(subject).toContain(cut);
      expect(subject).not.toContain(name.length > cut.length ? name : '\u0000');
      expect(text).toContain(name);
    }
  });
});

describe('the language of a mail', () => {
  test.each([
    ['ar', 'en', 'ar'],
    ['en', 'ar', 'en'],
    [null, 'ar', 'ar'],
    ['xx', 'en', 'en'],
    ['constructor', 'en', 'en'],
  ] as const)('a mail of a user with %s in an app with %s is in %s', (user, app, expected) => {
    expect(languageOf(user, app)).toBe(expected);
  });

  test('says how it is written', () => {
    expect(render({}).html).toContain('<html lang="en" dir="ltr">');
    const arabic = render({}, { language: 'ar' });
    expect(arabic.html).toContain('<html lang="ar" dir="rtl">');
    expect(arabic.subject).toBe('دعوة للانضمام إلى إحدى المؤسسات على Acme');
  });

  test('has times of its own', () => {
    expect(timeInWords('2026-11-04T09:05:07.112Z', 'en')).toBe('4 November 2026, 09:05 UTC');
    expect(timeInWords('2026-11-04T09:05:07.112Z', 'ar')).toBe('4 نوفمبر 2026، 09:05 UTC');
    expect(timeInWords('yesterday', 'en')).toBe('');
  });
});

describe('text from people in mails', () => {
  const hostile = `<img src=x onerror=alert(1)> "&' {{role}} \r\nBcc: all@example.com\u202Egnp.exe\u2028`;
  const content: MailContent = { organizationName: hostile, role: hostile, email: hostile, address: hostile };

  test.each(purposes.map(([purpose]) => purpose as MailPurpose))('stays text in a mail of %s', (purpose) => {
    const mail = render(content, { brandName: hostile, logoUrl: `https://x/"><script>` }, purpose);
    expect(mail.subject).not.toMatch(/[\p{Cc}\u2028\u202E]/u);
    expect(mail.html).not.toMatch(/<script|<img src=x|\u202E/);
    expect(mail.text).not.toMatch(/\u202E|\r/);
    expect(mail.html.replaceAll('\u2060', '')).toContain(
      '&lt;img src=x onerror=alert(1)&gt; &quot;&amp;&#39; {{role}} Bcc: all@example.com',
    );
  });

  test.each(['en', 'ar'] as const)(
    'does not change the direction in %s, and keeps the joiners of letters',
    (language) => {
      const marks = '\u061C\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069';
      for (const name of ['شركة الأمل (٢)', 'می\u200Cخواهم', 'Zoë 👩\u200D💻']) {
        const turned = `${marks}${Array.from(name).join('\u202E')}${marks}`;
        const mail = render({ organizationName: turned, role: turned }, { language, brandName: turned });
        expect(mail).toEqual(render({ organizationName: name, role: name }, { language, brandName: name }));
        expect(mail.subject).toContain(name);
      }
    },
  );

  test.each(['\u202E', ' \u2066\u2069 ', '\u200B'])(
    'is not reported if it has no visible effect (%j)',
    (organizationName) => {
      expect(render({ organizationName })).toEqual(render({}));
    },
  );

  test('is not taken for a name of a value', () => {
    expect(render({ organizationName: '{{role}}', role: 'reader' }).subject).toBe(
      'You are invited to {{role}} on Acme',
    );
  });

  test('text without end is cut', () => {
    expect(render({ organizationName: 'x'.repeat(5000) }).text.length).toBeLessThan(1000);
  });

  test.each<[agent: string, name: string]>([
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
      'Chrome, Windows',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 ' +
        'Safari/537.36 Edg/142.0.0.0',
      'Edge, Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
        'Version/26.0 Safari/605.1.15',
      'Safari, macOS',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
        'Version/26.0 Mobile/15E148 Safari/604.1',
      'Safari, iPhone',
    ],
    [
      'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
      'Chrome, Android',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox, Linux'],
    ['curl/8.14.1', 'curl'],
    ['node', 'Node.js'],
    ['Your account is locked, call +1 555 0100', 'not known'],
    ['https://evil.example/login', 'not known'],
    ['', 'not known'],
  ])('a user agent (%s) is shown as %s', (device, name) => {
    expect(deviceName(device) ?? 'not known').toBe(name);
    expect(render({ device }, {}, 'new_device').text).toContain(`Device: ${name}\n`);
  });
});

describe('a link', () => {
  const url = 'https://app.example/?a=1&b="><script>';

  test('is in both versions, escaped in HTML, next to the code', () => {
    const mail = render({ url, code: 'K7M2QXA' });
    expect(mail.text).toContain(`Accept the invitation:\n${url}\n`);
    expect(mail.text).toContain('Your code: K7M2QXA\n');
    expect(mail.html).toContain('href="https://app.example/?a=1&amp;b=&quot;&gt;&lt;script&gt;"');
    expect(mail.html).toContain('>K7M2QXA<');
    expect(mail.html).not.toContain('<script');
  });

  test('a mail without a link or a code contains neither', () => {
    const mail = render({});
    expect(mail.html).not.toContain('<a ');
    expect(mail.text).not.toMatch(/code|undefined/);
  });
});

describe('settings of an app', () => {
  test('takes the place of ours, in its language only', () => {
    const texts = {
      'en.invitation.subject': '{{brandName}}: {{organizationName}}',
      'en.invitation.body': 'One\ntwo <b>{{role}}</b>.\n\n\nThree',
      'en.invitation.note': '',
      'en.footer': '{{brandName}}, 1 Meadow Lane',
    };
    const content = { organizationName: 'Doe', role: 'ORG_OWNER' };
    const own = render(content, { texts });
    expect(own.subject).toBe('Acme: Doe');
    expect(own.text).toBe('One\ntwo <b>Owner</b>.\n\nThree\n\nRole: Owner\n\n--\n\nAcme, 1 Meadow Lane\n');
    expect(own.html).toContain('two &lt;b&gt;<bdi>Owner</bdi>&lt;/b&gt;.');
    expect(own.html).toContain('One<br />two');
    expect(render(content, { texts, language: 'ar' }).text).toBe(render(content, { language: 'ar' }).text);
    expect(render(content, { texts }, 'role_granted').subject).toBe('You were added to Doe on Acme');
  });

  test('is ignored by calls without this parameter', () => {
    expect(render({}, { texts: { 'invite.subject': 'Join us' } })).toEqual(
      render({}, { texts: { 'fr.invitation.subject': 'x' } }),
    );
  });

  test('the logo of an app replaces the name, which becomes the alternative text', () => {
    const { html } = render({}, { logoUrl: 'https://acme.example/l.png?a&b' });
    expect(html).toContain('src="https://acme.example/l.png?a&amp;b" alt="Acme"');
  });

  test('the text on a button is legible on every colour', () => {
    const levels = Array.from({ length: 18 }, (_, level) => (level * 15).toString(16).padStart(2, '0'));
    const colors = levels.flatMap((red) => levels.flatMap((green) => levels.map((blue) => `#${red}${green}${blue}`)));
    expect(colors.filter((color) => contrast(color, inkOn(color)) < 4.5)).toEqual([]);
    expect(inkOn('#ffd84d')).toBe('#000000');
    expect(inkOn('#1F5FD0')).toBe('#ffffff');
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  });

  test.each([
    ['#ffffff', '#767676'],
    ['#1c1c1e', '#767676'],
    ['#1f5fd0', '#1f5fd0'],
  ])('the colour %s of an app gets the border %s', (color, border) => {
    expect(borderOf(color)).toBe(border);
    expect(render({ url: 'https://a.example' }, { color }).html).toContain(
      `background:${color};border:1px solid ${border}`,
    );
  });
});
