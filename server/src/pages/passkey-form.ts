import { originOfPages, relyingPartyFor } from '../apps/relying-party.ts';
import { isTooDeep } from '../http/json-body.ts';
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
  /** Whether the form creates or uses a passkey. */
  readonly kind: 'create' | 'get';
  /** The page that receives the form, and the hidden fields of the form. */
  readonly page: string;
  readonly hidden: Values;
  /** The operation below `/v1/authentication/users/` that returns the options, and the body of the request. */
  readonly options: string;
  readonly body?: Values;
  readonly fields?: Html;
  readonly button: Html;
  /** Whether the browser also offers passkeys in the field for the address. */
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

/** The form field into which the script writes the result of the authenticator. */
const field = 'credential';

/** The URL of the operation that returns options. */
const urlOf = (options: string) => `authentication/users/${options}`;

/** A form whose button starts the authenticator. Hidden without script, because only a script can call it. */
export function passkeyForm(page: PageCall, asked: PasskeyForm): Html {
  const { kind, hidden, options, body = {}, fields = html``, button, isAutofill } = asked;
  const { text, form } = page;
  // A preview has no script that would show the form.
  if (page.isPreview) return page.formOf(asked.page, html`${fields}${button}`);
  page.usesScript = true;
  // Keep a credential that was not refused, for example if only the code was mistyped.
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
  if (isTooDeep(Buffer.from(text))) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * Explains why a form has no result of the authenticator. Either the API refuses the options, which the script leaves
 * to the page, or the browser runs no script.
 */
export async function explainMissing(page: PageCall, options: string, body: Values = {}): Promise<void> {
  const answer = await page.api('POST', urlOf(options), { body });
  if (answer.ok) page.notice = { text: 'passkeyScript', isAlert: true };
  else page.problem = answer.problem;
}

const ofPasskeys = new Set(['factor_invalid', 'invalid_credentials', 'validation_failed', 'malformed_request']);

/** A problem with the text for a refused passkey, if the code concerns the passkey. */
export const problemOfPasskey = (problem: Problem): Problem =>
  ofPasskeys.has(problem.code) ? { ...problem, text: 'passkeyRefused' } : problem;

/** A response to a call with a passkey. Refusals get the text for passkeys instead of codes and passwords. */
export const aboutPasskey = (answer: Answer): Answer =>
  answer.ok ? answer : { ok: false, problem: problemOfPasskey(answer.problem) };
