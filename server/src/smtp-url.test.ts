import { expect, test } from 'vitest';
import { parseSmtpUrl } from './smtp-url.ts';

test.each<[text: string, expected: Record<string, unknown>]>([
  ['smtp://mail.example', { host: 'mail.example', port: 587, secure: false, requireTLS: true }],
  ['smtps://mail.example', { host: 'mail.example', port: 465, secure: true, requireTLS: false }],
  ['smtp://mail.example:2525', { port: 2525, requireTLS: true }],
  ['smtp://127.0.0.1:1025', { host: '127.0.0.1', requireTLS: false }],
  ['smtp://localhost:1025?requireTLS=true', { requireTLS: true }],
  ['smtp://relay:25?requireTLS=false', { port: 25, requireTLS: false }],
  ['smtp://[::1]:1025', { host: '::1', requireTLS: false }],
  ['smtp://user%40acme:p%3A%2Fw@mail.example', { auth: { user: 'user@acme', pass: 'p:/w' } }],
])('%s', (text, expected) => {
  expect(parseSmtpUrl(text)).toMatchObject(expected);
});

test.each([
  'https://mail.example',
  'smtp://',
  'mail.example:25',
  'smtp://mail.example?rejectUnauthorized=false',
  'smtp://mail.example?tls.rejectUnauthorized=false',
  'smtp://mail.example?requireTLS=maybe',
  'smtp://us%er:x@mail.example',
])('%s is no address of a mail server', (text) => {
  expect(parseSmtpUrl(text)).toBeUndefined();
});
