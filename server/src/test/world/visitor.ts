import { expect } from 'vitest';
import type { TestApp } from '../setup.ts';

/** A form as a browser without script sees it. */
interface PageForm {
  readonly action: string;
  readonly values: Readonly<Record<string, string>>;
  /** Names of the fields that people see. */
  readonly fields: readonly string[];
  readonly button: string;
}

interface Visit {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly html: string;
  /** The text of the page, without markup. */
  readonly text: string;
  readonly forms: readonly PageForm[];
  readonly path: string;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const unescape = (text: string): string => text.replace(/&(#39|\w+);/g, (_, name: string) => entities[name] ?? '');

function attributesOf(tag: string): Record<string, string> {
  const pairs = [...tag.matchAll(/([\w-]+)="([^"]*)"/g)];
  const flags = /\schecked\s/.test(tag) ? [['checked', 'checked']] : [];
  return Object.fromEntries([...flags, ...pairs.map(([, name = '', value = '']) => [name, unescape(value)])]);
}

const textOf = (html: string): string =>
  unescape(html.replace(/<style>.*?<\/style>/gs, '').replace(/<[^>]+>/g, ' ')).replace(/\s+/g, ' ');

/** A form for each button, because the button that is pressed is sent, too. */
function formsOf(html: string): PageForm[] {
  return [...html.matchAll(/<form ([^>]*)>(.*?)<\/form>/gs)].flatMap(([, tag = '', content = '']) => {
    const inputs = [...content.matchAll(/<input ([^>]*)\/>/g)].map(([, input = '']) => attributesOf(input));
    const selects = [...content.matchAll(/<select ([^>]*)>(.*?)<\/select>/gs)].map(([, tags = '', options = '']) => ({
      name: attributesOf(tags)['name'] ?? '',
      value: attributesOf(/<option [^>]*selected/.exec(options)?.[0] ?? /<option [^>]*>/.exec(options)?.[0] ?? '')[
        'value'
      ],
    }));
    const sent = inputs.filter(({ type, checked }) => type !== 'checkbox' || checked !== undefined);
    const values = [...sent, ...selects].map(({ name, value }) => [name ?? '', value ?? '']);
    return [...content.matchAll(/<button([^>]*)>(.*?)<\/button>/gs)].map(([, button = '', label = '']) => {
      const { name, value = '' } = attributesOf(button);
      return {
        action: attributesOf(tag)['action'] ?? '',
        values: Object.fromEntries(name === undefined ? values : [...values, [name, value]]),
        fields: [...inputs.filter(({ type }) => type !== 'hidden'), ...selects].map(({ name: field }) => field ?? ''),
        button: textOf(label).trim(),
      };
    });
  });
}

/** A browser without script that opens pages and sends their forms. Follows redirects within the service. */
export function createVisitor(test: TestApp, { language = 'en' }: { language?: string } = {}) {
  const jar = new Map<string, string>();
  const origin = test.services.config.publicUrl;
  let current: Visit | undefined;

  function keep(header: string | string[] | number | undefined): void {
    for (const cookie of [header ?? []].flat().map(String)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '' || /max-age=0\b/i.test(cookie)) jar.delete(name);
      else jar.set(name, value);
    }
  }

  async function request(
    method: 'GET' | 'POST',
    path: string,
    { form, headers = {} }: { form?: Readonly<Record<string, string>>; headers?: Record<string, string> } = {},
  ): Promise<Visit> {
    const response = await test.app.inject({
      method,
      url: path,
      headers: {
        'accept-language': language,
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        'sec-fetch-site': method === 'POST' ? 'same-origin' : 'none',
        ...(jar.size > 0 && { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }),
        ...(form && { origin, 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form && { payload: new URLSearchParams(form).toString() }),
    });
    keep(response.headers['set-cookie']);
    const { location } = response.headers;
    if (response.statusCode === 303 && location?.startsWith('/')) return request('GET', location);
    const html = response.body;
    const { headers: sent, statusCode: status } = response;
    current = { status, headers: sent, html, text: textOf(html), forms: formsOf(html), path: location ?? path };
    return current;
  }

  return {
    jar,
    /** Opens an address, like somebody who enters it. */
    open: (path: string, headers: Record<string, string> = {}) => request('GET', path.replace(origin, ''), { headers }),
    /** Sends the form of the current page that has this button. */
    async press(
      button: string,
      fields: Readonly<Record<string, string>> = {},
      headers: Record<string, string> = {},
    ): Promise<Visit> {
      const form = current?.forms.find((one) => one.button === button);
      if (!form) throw new Error(`no button "${button}" on: ${current?.text}`);
      expect(Object.keys(fields).filter((name) => !form.fields.includes(name))).toEqual([]);
      return request('POST', form.action, { form: { ...form.values, ...fields }, headers });
    },
    /** Sends a form that is on no page. */
    post: (path: string, form: Readonly<Record<string, string>>, headers: Record<string, string> = {}) =>
      request('POST', path, { form, headers }),
  };
}
