// Asks the authenticator for passkeys, for the forms of the hosted pages. A form with `data-passkey` gets the result in
// its field `credential` and is then sent like any other form, so the service decides. Without a result, it is sent
// only if the service refused the request for options: the next page shows the reason.

/** Challenges are valid for five minutes. */
const freshMs = 240_000;

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** The options of WebAuthn from their JSON. Older browsers do not convert it. */
function parseOptions(json, isNew) {
  const convert = isNew ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON';
  if (PublicKeyCredential[convert]) return PublicKeyCredential[convert](json);
  const list = (credentials = []) => credentials.map((one) => ({ ...one, id: toBytes(one.id) }));
  return {
    ...json,
    challenge: toBytes(json.challenge),
    ...(json.user && { user: { ...json.user, id: toBytes(json.user.id) } }),
    excludeCredentials: list(json.excludeCredentials),
    allowCredentials: list(json.allowCredentials),
  };
}

/** The credential as JSON. Older browsers and some password managers do not convert it. */
function toJson(credential) {
  try {
    return credential.toJSON();
  } catch {
    const { id, rawId, type, response } = credential;
    const names = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
    const values = names.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
    const transports = response.getTransports?.();
    return { id, rawId: toText(rawId), type, response: { ...Object.fromEntries(values), transports } };
  }
}

/** The options of the service; undefined if it refused. */
async function requestOptions({ dataset }) {
  const response = await fetch(dataset.options, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-app-name': dataset.app },
    body: dataset.body,
  });
  return response.ok ? (await response.json()).publicKey : undefined;
}

const faults = {
  NotAllowedError: 'cancelled',
  AbortError: 'cancelled',
  InvalidStateError: 'exists',
  SecurityError: 'place',
};

function showFault(block, fault) {
  for (const text of block.querySelectorAll('[data-fault]')) text.hidden = text.dataset.fault !== fault;
}

function install(block) {
  const form = block.querySelector('form');
  const { credential } = form.elements;
  const isNew = block.dataset.passkey === 'create';
  let offered;

  /** The autofill of the browser waits until somebody chooses a passkey, or the button is pressed. */
  async function offer() {
    const publicKey = await requestOptions(block);
    if (!publicKey) return;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort('renewed'), freshMs);
    const options = parseOptions(publicKey, false);
    const done = navigator.credentials
      .get({ publicKey: options, mediation: 'conditional', signal: stop.signal })
      .then(send)
      .catch(() => stop.signal.reason === 'renewed' && offer())
      .finally(() => clearTimeout(timer));
    offered = { publicKey, stop, done, until: Date.now() + freshMs };
  }

  function send(result) {
    credential.value = JSON.stringify(toJson(result));
    form.submit();
  }

  async function ask() {
    const before = offered;
    offered = undefined;
    before?.stop.abort('pressed');
    // Browsers refuse a second request while one is waiting.
    await before?.done;
    const isFresh = before && Date.now() < before.until;
    const json = isFresh ? before.publicKey : await requestOptions(block);
    if (!json) return form.submit();
    const publicKey = parseOptions(json, isNew);
    send(await (isNew ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey })));
  }

  form.addEventListener('submit', async (event) => {
    if (credential.value !== '') return;
    event.preventDefault();
    if (block.dataset.busy || !form.reportValidity()) return;
    block.dataset.busy = 'yes';
    showFault(block);
    try {
      await ask();
    } catch (error) {
      showFault(block, faults[error?.name] ?? 'failed');
    }
    delete block.dataset.busy;
  });

  // The browser can show this page again from its memory, with the used result.
  addEventListener('pageshow', (event) => {
    if (event.persisted) credential.value = '';
  });

  return offer;
}

for (const block of document.querySelectorAll('[data-passkey]')) {
  if (!window.PublicKeyCredential) {
    showFault(block, 'unsupported');
    block.querySelector('form').hidden = true;
    block.hidden = false;
    continue;
  }
  const offer = install(block);
  block.hidden = false;
  if (block.dataset.autofill && (await PublicKeyCredential.isConditionalMediationAvailable?.())) {
    // Without options, autofill is not started. The button requests options again, and shows the error.
    offer().catch(() => undefined);
  }
}
