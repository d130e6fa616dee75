/**
 * Adds an authenticator app and signs in with the codes of oathtool (OATH Toolkit) or pyotp, implementations of
 * RFC 6238 that have nothing in common with the service.
 *
 *   npm run build
 *   node .ci/tools/totp.js                 needs oathtool in the PATH
 *   node .ci/tools/totp.js PYTHON          with a Python that has pyotp
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { admin, withService } from './service.js';

const run = promisify(execFile);

const [python] = process.argv.slice(2);
const byPyotp = 'import pyotp, sys; print(pyotp.TOTP(sys.argv[1]).at(int(sys.argv[2])))';

/** @param {string} secret base32 @param {number} seconds between now and the time of the code */
async function codeOf(secret, seconds = 0) {
  const time = Math.floor(Date.now() / 1000) + seconds;
  const command = python ?? 'oathtool';
  const ofOathtool = ['--totp', '--base32', '--now', `@${time}`, secret];
  return (await run(command, python ? ['-c', byPyotp, secret, String(time)] : ofOathtool)).stdout.trim();
}

await withService(async (url) => {
  /**
   * @param {string} method
   * @param {string} path
   * @param {number} status
   * @param {object} body
   * @param {Record<string, string>} headers
   */
  const call = async (method, path, status, body, headers = {}) => {
    const options = { method, body: JSON.stringify(body) };
    const request = new Request(`${url}/v1/authentication/users${path}`, options);
    request.headers.set('content-type', 'application/json');
    for (const [name, value] of Object.entries({ 'x-app-name': admin.app, ...headers }))
      request.headers.set(name, value);
    const response = await fetch(request);
    const text = await response.text();
    if (response.status !== status) throw new Error(`${path}: ${response.status} instead of ${status}: ${text}`);
    return { answer: JSON.parse(text), device: response.headers.get('x-device-token') ?? '' };
  };

  const credentials = { email: admin.email, password: admin.password };
  const { answer: first } = await call('POST', '/sessions', 201, credentials);
  const bearer = { Authorization: `Bearer ${first.sessionToken}` };
  const { answer: factor } = await call('POST', '/me/factors/totp', 201, {}, bearer);
  await call('POST', '/me/reauthentication-request', 200, {}, bearer);
  const mailbox = await fetch(`${url}/dev/mailbox?to=${admin.email}`, { headers: { accept: 'application/json' } });
  const { messages } = await mailbox.json();
  const confirmation = { code: await codeOf(factor.secret), verificationCode: messages[0].code };
  await call('POST', `/me/factors/${factor.id}/confirmation`, 200, confirmation, bearer);

  const { answer: pending, device } = await call('POST', '/sessions', 403, credentials);
  const fromDevice = { 'X-Device-Token': device };
  /** @param {string} code */
  const answerOf = (code) => ({ mfaToken: pending.mfaToken, factorId: pending.factors[0].id, code });
  await call('PUT', '/sessions/mfa', 400, answerOf(confirmation.code), fromDevice);
  await call('PUT', '/sessions/mfa', 400, answerOf(await codeOf(factor.secret, -90)), fromDevice);
  // The service accepts the next code a little early, and no code twice.
  await call('PUT', '/sessions/mfa', 201, answerOf(await codeOf(factor.secret, 30)), fromDevice);
  process.stdout.write(`codes of ${python ? 'pyotp' : 'oathtool'} are accepted, once and in their time\n`);
});
