import { originOfPages, relyingPartyFor } from '../apps/relying-party.ts';
import { html, type Html } from '../http/html.ts';
import type { TextName } from '../page-texts/texts.ts';
import type { Answer, Problem } from './call-api.ts';
import type { Values } from './layout.ts';
import type { PageCall } from './page-call.ts';

/** Whether passkeys of the app are valid on its pages. */
export function hasPasskeys({ app, call }: PageCall): boolean {
  const { config } = call.services;
  const own = originOfPages(config);
  return own !== undefined && (relyingPartyFor(app.settings, config)?.origins.includes(own) ?? false);
}

interface PasskeyForm {
  /** Whether a passkey is made or used. */
  readonly kind: 'create' | 'get';
  /** The page that takes the form, and its hidden fields. */
  readonly page: string;
  readonly hidden: Values;
  /** The operation that returns the options, below `/v1/authentication/users/`, and what it is sent. */
  readonly options: string;
  readonly body?: Values;
  readonly fields?: Html;
  readonly button: Html;
  /** The browser offers passkeys in the field for the address, too. */
  readonly isAutofill?: boolean;
}

const faults = ['cancelled', 'exists', 'place', 'failed', 'unsupported'] as const;
const textOf = {
  cancelled: 'passkeyCancelled',
  exists: 'passkeyExists',
  place: 'passkeyPlace',
  failed: 'passkeyFailed',
  unsupported: 'passkeyUnsupported',
} as const satisfies Record<(typeof faults)[number], TextName>;

/** The field that the script fills, and with which the form is sent. */
const field = 'credential';

/** The address of the operation that returns options. */
const urlOf = (options: string) => `authentication/users/${options}`;

/** A form whose button asks the authenticator. Hidden without script, which alone can do that. */
export function passkeyForm(page: PageCall, asked: PasskeyForm): Html {
  const { kind, hidden, options, body = {}, fields = html``, button, isAutofill } = asked;
  const { text, form } = page;
  // A preview has no script that would show the form.
  if (page.isPreview) return page.formOf(asked.page, html`${fields}${button}`);
  page.usesScript = true;
  // A credential that was not refused itself, such as with a mistyped code, is sent again.
  const given = page.keepsCredential ? (form[field] ?? '') : '';
  const content = html`${fields}<input type="hidden" name="${field}" value="${given}" />${button}`;
  const alerts = faults.map(
    (name) => html`<p class="fault" role="alert" data-fault="${name}" hidden>${text(textOf[name])}</p>`,
  );
  const autofill = isAutofill ? html` data-autofill="yes"` : html``;
  return html`<div
      class="passkey"
      data-passkey="${kind}"
      data-app="${page.app.name}"
      data-options="/v1/${urlOf(options)}"
      data-body="${JSON.stringify(body)}"
      ${autofill}
      hidden
    >
      ${page.formOf(asked.page, content, hidden)} ${alerts}
    </div>
    <noscript><p class="hint">${text('passkeyScript')}</p></noscript>`;
}

/** The result of the authenticator that the form carries; undefined if there is none. */
export function credentialOf({ form }: PageCall): object | undefined {
  const text = form[field];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * For a form without a result: the refusal of the options, which the script leaves to the page. If they are not
 * refused, the browser has no script.
 */
export async function explainMissing(page: PageCall, options: string, body: Values = {}): Promise<void> {
  const answer = await page.api('POST', urlOf(options), { body });
  if (answer.ok) page.notice = { text: 'passkeyScript', isAlert: true };
  else page.problem = answer.problem;
}

const ofPasskeys = new Set(['factor_invalid', 'invalid_credentials', 'validation_failed', 'malformed_request']);

/** The refusal of a passkey, with its text. */
export const problemOfPasskey = (problem: Problem): Problem =>
  ofPasskeys.has(problem.code) ? { ...problem, text: 'passkeyRefused' } : problem;

/** The answer to a passkey. Its refusals are about the passkey, not about a code or a password. */
export const aboutPasskey = (answer: Answer): Answer =>
  answer.ok ? answer : { ok: false, problem: problemOfPasskey(answer.problem) };
