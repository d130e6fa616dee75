import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { setMfa } from '../test/world/browsers.ts';
import { challenge, enrol, setPolicy } from '../test/world/factors.ts';
import { enableSignInCodes, requestAndSend } from '../test/world/sign-in-codes.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

// Expired codes that are still stored, because they are deleted in the background.

const users = '/v1/authentication/users';
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  await enableSignInCodes(world);
  await setPolicy(world, 'optional');
  await setMfa(world, { factors: ['totp', 'email'] });
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(() => app?.close());

const countMails = async (purpose: string, email = person.email) =>
  (await world.mails(email)).filter((mail) => mail.purpose === purpose).length;

async function requestReset() {
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email: person.email } });
  await runTask(app, sendPasswordResets);
}

async function requestSecondFactorCode() {
  const { mfaToken, device } = await challenge(world, person.email);
  const headers = { 'x-device-token': device };
  const response = await world.call('POST', `${users}/sessions/mfa/email-code`, { body: { mfaToken }, headers });
  expect(response.statusCode).toBe(200);
}

describe('three codes block further mails until they expire:', () => {
  it.each<[purpose: string, lifeMs: number, request: () => Promise<unknown>]>([
    ['sign_in_code', 10 * minuteMs, () => requestAndSend(world, person.email)],
    ['password_reset', 60 * minuteMs, requestReset],
    ['second_factor_code', 10 * minuteMs, requestSecondFactorCode],
  ])('%s', async (purpose, lifeMs, request) => {
    if (purpose === 'second_factor_code') await enrol(world, person);
    for (let count = 0; count < 4; count += 1) await request();
    expect(await countMails(purpose)).toBe(3);
    app.clock.advance(lifeMs - 1000);
    await request();
    expect(await countMails(purpose)).toBe(3);
    app.clock.advance(1000);
    await request();
    expect(await countMails(purpose)).toBe(4);
  });

  it('those of an invited person, who is invited again', async () => {
    const email = 'invited-again@example.com';
    const [first, second] = [await world.organization(person), await world.organization(person)];
    const inviteTo = async (orgId: string) => {
      const { token } = await world.signIn(world.admin.email);
      const body = { email, firstName: 'Jane', lastName: 'Roe' };
      const response = await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token, body });
      expect(response.statusCode).toBe(201);
    };
    await inviteTo(first);
    for (let count = 0; count < 4; count += 1) await requestAndSend(world, email);
    expect(await countMails('invitation', email)).toBe(1 + 3);
    app.clock.advance(7 * dayMs - 1000);
    await inviteTo(second);
    await requestAndSend(world, email);
    expect(await countMails('invitation', email)).toBe(2 + 3);
    app.clock.advance(1000);
    await requestAndSend(world, email);
    expect(await countMails('invitation', email)).toBe(2 + 4);
  });
});
