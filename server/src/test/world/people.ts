import type { LightMyRequestResponse } from 'fastify';
import { withStatus } from './answers.ts';
import type { Calls } from './calls.ts';
import type { Mails } from './mails.ts';
import { unique } from './names.ts';

/** The password of every person. */
export const password = 'Password@123JonDoeInc';

/** A person of an app, signed in. */
export interface Person {
  readonly userId: string;
  readonly email: string;
  readonly token: string;
  readonly sessionId: string;
}

export interface People {
  /** Signs a person up. By default, the person verifies the address with the code of the mail. */
  person(options?: { email?: string; verified?: boolean }): Promise<Person>;
  signIn(email: string): Promise<Person>;
  /** Re-authenticates, so that the session counts as fresh. */
  reauthenticate(who: { token: string }): Promise<void>;
}

/** Creates people by sign-up, as in production. */
export function peopleOf({ call, mail }: Pick<Calls, 'call'> & Pick<Mails, 'mail'>): People {
  const devices = createDevices();

  const verify = async ({ userId, email, token }: Person) => {
    const { code } = await mail(email);
    const body = { userId, verificationCode: code };
    withStatus(200, await call('POST', '/v1/authentication/users/email/verification', { token, body }));
  };

  return {
    async person({ email = `${unique('person')}@example.com`, verified = true } = {}) {
      const body = { firstName: 'Jon', lastName: 'Doe', email, password };
      const response = withStatus(201, await call('POST', '/v1/authentication/users', { body }));
      devices.keep(email, response);
      const person = signedIn(email, response);
      if (verified) await verify(person);
      return person;
    },

    async signIn(email) {
      const request = { body: { email, password }, headers: devices.headersOf(email) };
      const response = withStatus(201, await call('POST', '/v1/authentication/users/sessions', request));
      devices.keep(email, response);
      return signedIn(email, response);
    },

    async reauthenticate({ token }) {
      const body = { currentPassword: password };
      withStatus(200, await call('POST', '/v1/authentication/users/me/reauthentication', { token, body }));
    },
  };
}

function signedIn(email: string, response: LightMyRequestResponse): Person {
  const { userId, sessionToken, sessionId } = response.json<Record<'userId' | 'sessionToken' | 'sessionId', string>>();
  return { userId, email, token: sessionToken, sessionId };
}

/** The device tokens of people: each person signs in with the device of the latest sign-in. */
function createDevices() {
  const tokens = new Map<string, string>();
  return {
    keep(email: string, { headers }: LightMyRequestResponse): void {
      const token = headers['x-device-token'];
      if (typeof token === 'string') tokens.set(email, token);
    },
    headersOf(email: string): Record<string, string> {
      const token = tokens.get(email);
      return token === undefined ? {} : { 'x-device-token': token };
    },
  };
}
