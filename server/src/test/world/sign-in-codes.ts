import type { LightMyRequestResponse } from 'fastify';
import { sendSignInCodes } from '../../passwordless/send-sign-in-codes.ts';
import { runTask } from '../tasks.ts';
import { sql } from '../../db/db.ts';
import { withStatus } from './answers.ts';
import type { Mail } from './mails.ts';
import type { World } from './world.ts';

const sessionsUrl = '/v1/authentication/users/sessions';
export const codeRequestUrl = `${sessionsUrl}/email-code`;
const template = 'http://localhost/sign-in?code={{code}}';

/** A browser, as far as sign-in codes are concerned: its address and its cookies. */
export interface Browser {
  readonly ip: string;
  readonly cookie?: string;
}

const headersOf = ({ ip, cookie }: Browser) => ({ 'x-forwarded-for': ip, ...(cookie !== undefined && { cookie }) });

/** Enables mailed codes, without an event. */
export const enableSignInCodes = ({ test, appId }: World) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || '{"signInMethods": ["password", "emailCode", "passkey", "provider"]}'::jsonb
    WHERE id = ${appId}`);

/** The cookie that binds the links of a browser. */
export function browserCookieIn({ headers }: LightMyRequestResponse): string {
  const cookies = [headers['set-cookie'] ?? []].flat();
  return cookies.find((cookie) => cookie.startsWith('sign-in-browser='))?.split(';', 1)[0] ?? '';
}

/** Requests a code. The app has to run the task that sends it. */
export const requestCode = (
  { call }: Pick<World, 'call'>,
  email: string,
  browser: Browser,
  extra: object = { signInUrl: template },
): Promise<LightMyRequestResponse> =>
  call('POST', codeRequestUrl, { body: { email, ...extra }, headers: headersOf(browser) });

/** Requests a code and runs the task that sends it. */
export async function requestAndSend(world: World, email: string, browser: Browser = { ip: '127.0.0.1' }) {
  const response = withStatus(200, await requestCode(world, email, browser));
  await runTask(world.test, sendSignInCodes);
  return response;
}

/** The content of the mailbox and the cookies of the browser after a request. */
export interface SentCode {
  readonly code: string;
  /** The long code of the link. */
  readonly longCode: string;
  /** The browser that asked, with its cookie. */
  readonly browser: Required<Browser>;
  readonly mail: Mail;
}

/** Requests a code and reads the newest mail. */
export async function sentCode(world: World, email: string, browser: Browser): Promise<SentCode> {
  const response = await requestAndSend(world, email, browser);
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'sign_in_code');
  if (!mail) throw new Error(`no code to ${email}`);
  const longCode = new URL(mail.url ?? '').searchParams.get('code') ?? '';
  return { code: mail.code ?? '', longCode, browser: { ip: browser.ip, cookie: browserCookieIn(response) }, mail };
}

/** Presents a code. */
export const signInByCode = (
  { call }: Pick<World, 'call'>,
  email: string,
  verificationCode: string,
  browser: Browser,
  headers: Readonly<Record<string, string>> = {},
): Promise<LightMyRequestResponse> =>
  call('POST', sessionsUrl, { body: { email, verificationCode }, headers: { ...headersOf(browser), ...headers } });
