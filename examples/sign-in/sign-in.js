// Shows a button for each identity provider of an app, signs in with it and shows the user. The app must allow the
// origin of this page; see docs/guides/social-login.md.

const service = 'http://localhost:3000';
const app = 'demo';

/** @type {(id: string) => HTMLElement} */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Calls the API. The session is in a cookie that scripts cannot read. */
async function call(method, path, body) {
  const response = await fetch(`${service}/v1/authentication/${path}`, {
    method,
    credentials: 'include',
    headers: { 'X-App-Name': app, ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Redirects to the provider. The stored verifier later proves that the sign-in was started in this tab (RFC 7636). */
async function begin(idpId) {
  const codeVerifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier));
  const codeChallenge = base64url(new Uint8Array(digest));
  const here = location.origin + location.pathname;
  const urls = { successUrl: here, failureUrl: here };
  const { intentId, authUrl } = await call('POST', 'idp/intents/create', { idpId, urls, codeChallenge });
  sessionStorage.setItem(`intent ${intentId}`, codeVerifier);
  location.assign(authUrl);
}

/** Handles the return from the provider, with a token or an error. */
async function finish(parameters) {
  // Removes the parameters of the URL from the history.
  history.replaceState(null, '', location.pathname);
  const intentId = parameters.get('intentId');
  const codeVerifier = sessionStorage.getItem(`intent ${intentId}`);
  sessionStorage.removeItem(`intent ${intentId}`);
  if (codeVerifier === null) throw new Error('This sign-in was not started here. Start again.');
  if (parameters.has('error')) throw new Error(parameters.get('error_description'));
  await call('POST', 'idp/intents/validate', { intentId, idpToken: parameters.get('intentToken'), codeVerifier });
}

/** The signed-in user, or undefined. */
const me = () => call('GET', 'users/me').catch(() => undefined);

async function signOut() {
  const { session } = await call('GET', 'users/me');
  await call('DELETE', `users/sessions/${session.id}`);
  await show();
}

/** Shows the user, or the buttons. */
async function show() {
  const { displayName, idpConfigs } = await call('GET', 'apps/metadata');
  const user = await me();
  element('title').textContent = displayName;
  element('user').hidden = !user;
  element('name').textContent = user ? `${user.displayName} (${user.email})` : '';
  const buttons = user ? [] : idpConfigs.map(buttonOf);
  element('providers').replaceChildren(...buttons);
}

function buttonOf({ id, name }) {
  const button = document.createElement('button');
  button.textContent = `Sign in with ${name}`;
  button.addEventListener('click', () => void begin(id).catch(complain));
  return button;
}

const complain = (error) => void (element('message').textContent = error.message);

element('sign-out').addEventListener('click', () => void signOut().catch(complain));

const parameters = new URLSearchParams(location.search);
if (parameters.has('intentId')) await finish(parameters).catch(complain);
await show().catch(complain);
