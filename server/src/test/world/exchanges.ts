import { hash } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { withStatus } from './answers.ts';
import type { World } from './world.ts';

/** The address to which products return. The app must list it in `redirectUrls`. */
export const productUrl = 'https://product.example/signed-in';

const codeVerifier = 'verifier-of-the-product-which-is-long-enough-43';

/** A copy of a session, as the product has it. */
export interface Copy {
  readonly sessionId: string;
  readonly sessionToken: string;
}

/** Creates a code. @returns the call with which the product exchanges the code */
export async function newExchange(
  { call }: Pick<World, 'call'>,
  token: string,
): Promise<(headers?: Record<string, string>) => Promise<LightMyRequestResponse>> {
  const codes = '/v1/authentication/users/me/exchange-codes';
  const asked = { returnTo: productUrl, codeChallenge: hash('sha256', codeVerifier, 'base64url') };
  const { code } = withStatus(201, await call('POST', codes, { token, body: asked })).json<{ code: string }>();
  const body = { code, codeVerifier, returnTo: productUrl };
  return (headers = {}) => call('POST', '/v1/authentication/users/sessions/exchange', { body, headers });
}

/** Makes a copy of a session for a product. */
export async function copySession(
  world: Pick<World, 'call'>,
  token: string,
  headers: Record<string, string> = {},
): Promise<Copy> {
  const exchange = await newExchange(world, token);
  return withStatus(201, await exchange(headers)).json<Copy>();
}
