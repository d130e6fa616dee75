import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { type Call, noAudit, nothingKept, type Route, route } from '../calls/route.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';
import { normalizeEmail } from '../http/email-address.ts';
import { endInteraction, isOfInteraction, requireNavigation, requireOwnOrigin } from './interaction.ts';
import { type Content, sendContent } from './layout.ts';
import { addressUnderOneName } from './one-name.ts';
import { type Form, PageCall } from './page-call.ts';
import { findShownBranding } from './shown-branding.ts';

/** A file that the browser stores. */
interface Download {
  readonly fileName: string;
  readonly json: unknown;
}

/** The response of a page: content, a redirect, or a file. */
export type PageAnswer = Content | { readonly redirect: string } | Download;

interface Page {
  /** The path below `/apps/{app}/`. */
  readonly path: string;
  /** The part of the operation names that names the page, such as `SignIn`. */
  readonly name: string;
  readonly summary: string;
  /** Shows the page and changes nothing, because programs that scan mails open links. */
  readonly show?: (page: PageCall) => PageAnswer | Promise<PageAnswer>;
  /** Whether a GET changes data. Needed if a provider redirects the browser to the page. */
  readonly changesState?: true;
  /** Whether a GET redirects the browser. */
  readonly redirects?: true;
  /** Whether the page has the branding of an organization if the address has an invitation to it. */
  readonly isForInvited?: true;
  /** Codes of refusals, in addition to those of every page. */
  readonly errors?: readonly ErrorCode[];
  /** Handles the form of the page; absent if the page has no form. */
  readonly submit?: (page: PageCall) => PageAnswer | Promise<PageAnswer>;
}

const pageParams = z.strictObject({
  app: z.string().meta({ description: 'Name of the app.', examples: ['my-app'] }),
});

/** Pages ignore unknown parameters, because other programs add parameters to links. */
const formValues = z.record(z.string(), z.union([z.string(), z.array(z.string())])).transform((all): Form => {
  const single = Object.entries(all).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(single.filter(([, value]) => value !== ''));
});

/** The values that the query of a URL may carry to a page. */
const linkNames: ReadonlySet<string> = new Set([
  'return_to',
  'code_challenge',
  'organization',
  'chosen',
  'choice',
  'org',
  'user',
  'email',
  'code',
  'token',
  'prompt',
  'notice',
  'find',
  'list',
  'cursor',
  'intentId',
  'intentToken',
]);

/**
 * The values of the query, which anybody may have written. A page ignores all others, e.g. the fields of its form: a
 * stranger could otherwise fill in the form, or put a text on the page where an address is shown.
 */
function valuesOfLink(form: Form): Form {
  const isMeant = ([name, value = '']: [string, string?]) =>
    linkNames.has(name) && (name !== 'email' || normalizeEmail(value) !== undefined);
  return Object.fromEntries(Object.entries(form).filter(isMeant));
}

async function openPage(call: Call<{ app: string }>, form: Form, isForInvited = false): Promise<PageCall> {
  const branded = await findShownBranding(call, call.params.app, { ...form, isForInvited });
  if (!branded?.app.settings.hostedPages) throw new ApiError('route_not_found');
  if (branded.app.status !== 'ACTIVE') throw new ApiError('app_inactive');
  return new PageCall(call, branded, form);
}

/** Browsers must not cache this redirect, because `PUBLIC_URL` can change. */
async function redirectTemporarily({ reply }: Call, address: string): Promise<void> {
  reply.header('cache-control', 'no-store');
  await reply.redirect(address, 307);
}

async function answer({ call, look }: PageCall, given: PageAnswer): Promise<void> {
  if ('redirect' in given) {
    call.reply.header('cache-control', 'no-store');
    await call.reply.redirect(given.redirect, 303);
  } else if ('fileName' in given) {
    const headers = {
      'cache-control': 'no-store',
      'content-disposition': `attachment; filename="${given.fileName}"`,
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    };
    const text = JSON.stringify(given.json, null, 2);
    await call.reply.code(200).headers(headers).serializer(String).type('application/json; charset=utf-8').send(text);
  } else {
    await sendContent(call.reply, look, given);
  }
}

/** A page whose form was refused. */
const shownAgain = (given: PageAnswer): PageAnswer => ('body' in given ? { ...given, status: 400 } : given);

/**
 * Declares a page. A page is a client of the API inside the process: it shows forms, and calls the API with the values
 * of the forms. A form is accepted only from the service's origin and in the browser for which it was created. The page
 * shows an expired form again, with the values that were entered.
 */
export function pageRoutes({
  path,
  name,
  summary,
  show,
  submit,
  changesState,
  redirects,
  isForInvited,
  errors = [],
}: Page): Route[] {
  const shared = {
    url: `/apps/:app/${path}`,
    tag: 'platform',
    summary,
    description: 'A page for people, with the branding of the app.',
    access: publicAccess({ app: 'in-path' }),
    hidden: true,
    page: true,
    params: pageParams,
    errors: ['route_not_found', 'app_inactive', 'redirect_url_not_allowed', 'malformed_request', ...errors],
  } as const;
  const shown = (open: NonNullable<Page['show']>) =>
    route({
      ...shared,
      method: 'GET',
      operationId: `show${name}Page`,
      ...(changesState && { changesState, errors: [...shared.errors, 'origin_not_allowed'] }),
      query: formValues,
      response: { status: redirects ? 303 : 200, description: 'The page.' },
      handler: async (call) => {
        if (changesState) requireNavigation(call);
        const elsewhere = addressUnderOneName(call, `/apps/${encodeURIComponent(call.params.app)}/${path}`);
        if (elsewhere !== undefined) return redirectTemporarily(call, elsewhere);
        const page = await openPage(call, valuesOfLink(call.query), isForInvited);
        await answer(page, await open(page));
      },
    });
  const sent = (take: NonNullable<Page['submit']>) =>
    route({
      ...shared,
      method: 'POST',
      operationId: `submit${name}Page`,
      audit: noAudit('The calls of the API that the page makes write their events.'),
      idempotency: nothingKept('Browsers send no idempotency keys; the calls of the API decide.'),
      query: formValues,
      body: formValues,
      errors: [...shared.errors, 'origin_not_allowed'],
      response: { status: 303, description: 'The next page. A form with a fault is shown again.' },
      handler: async (call) => {
        requireOwnOrigin(call);
        const page = await openPage(call, call.body, isForInvited);
        if (!isOfInteraction(call, page.app.name, call.body['form_token'])) {
          page.notice = { text: 'expired', isAlert: true };
          return answer(page, shownAgain(await (show?.(page) ?? { redirect: page.href('account') })));
        }
        return answer(page, await take(page));
      },
    });
  return [...(show ? [shown(show)] : []), ...(submit ? [sent(submit)] : [])];
}

/** The next URL after the last step of a page: the product, or the account. */
export const goalOf = (page: PageCall): string => page.href(page.returnTo === undefined ? 'account' : 'continue');

/** The response after a sign-in. The forms that were opened before become invalid. */
export function signedIn(page: PageCall): PageAnswer {
  endInteraction(page.call, page.app.name);
  return { redirect: goalOf(page) };
}
