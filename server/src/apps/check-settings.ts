import type { Config } from '../config.ts';
import { ApiError, type Fault } from '../http/errors.ts';
import type { Settings } from './apps.schema.ts';
import { relyingPartyFaults } from './relying-party.ts';
import { checkDefaultTemplates } from './url-template.ts';

/** The settings that list URLs or origins of other sites. */
export const entryLists = ['allowedOrigins', 'redirectUrls'] as const;

/**
 * The problem of an entry of `allowedOrigins` or `redirectUrls`, or undefined. Invalid entries may be stored, because
 * earlier versions accepted them.
 */
export function entryFault(list: (typeof entryLists)[number], entry: string, config: Config): string | undefined {
  const url = new URL(entry);
  // The parser decodes `%2A` in a host.
  const text = list === 'redirectUrls' ? entry.replace(/\?\*$/, '') : entry;
  if (text.includes('*') || url.hostname.includes('*')) {
    return list === 'redirectUrls'
      ? `"${entry}" has a wildcard and matches nothing. List each URL; only ?* at the end stands for any query.`
      : `"${entry}" has a wildcard and matches nothing. List each origin.`;
  }
  if (/[{}]/.test(url.host)) return `"${entry}" has a placeholder in its host.`;
  if (url.username !== '' || url.password !== '') return `"${entry}" has user info.`;
  return config.isProduction && url.protocol === 'http:' ? `"${entry}" is plain http, in production.` : undefined;
}

interface Change {
  readonly appName: string;
  readonly before: Settings;
  readonly config: Config;
  /** JSON pointer of the settings in the request, for validation errors. */
  readonly pointer: string;
}

/** The name of the app is the audience of machine tokens at this API. No entry of `audiences` may equal it. */
function audienceFaults({ audiences }: Settings, { appName, pointer }: Change): Fault[] {
  const message = 'Must not be the name of the app, which is the audience of machine tokens at this API.';
  return audiences.flatMap((entry, index) =>
    entry === appName ? [{ pointer: `${pointer}/audiences/${index}`, message }] : [],
  );
}

function passkeyFaults({ mfa: { relyingParty } }: Settings, { before, config, pointer }: Change): Fault[] {
  const isUnchanged = JSON.stringify(relyingParty) === JSON.stringify(before.mfa.relyingParty);
  if (relyingParty === null || isUnchanged) return [];
  const place = `${pointer}/mfa/relyingParty`;
  return relyingPartyFaults(relyingParty, config).map((fault) => ({ ...fault, pointer: `${place}${fault.pointer}` }));
}

function faultsOf(settings: Settings, change: Change): Fault[] {
  const { before, config, pointer } = change;
  const faults = entryLists.flatMap((list) => {
    const stored = new Set(before[list]);
    return settings[list].flatMap((entry, index): Fault[] => {
      const message = stored.has(entry) ? undefined : entryFault(list, entry, config);
      return message === undefined ? [] : [{ pointer: `${pointer}/${list}/${index}`, message }];
    });
  });
  faults.push(...audienceFaults(settings, change), ...passkeyFaults(settings, change));
  const asksForNone = settings.cookieSameSite === 'none' && before.cookieSameSite !== 'none';
  if (!asksForNone || config.publicUrl.startsWith('https:')) return faults;
  const message =
    'Must be lax while PUBLIC_URL is http, because browsers drop a SameSite=None cookie that is not Secure.';
  return [...faults, { pointer: `${pointer}/cookieSameSite`, message }];
}

/**
 * Checks settings beyond their schema. Checks only entries that the change adds, so that stored entries do not block
 * other changes.
 *
 * @throws ApiError `validation_failed`, `redirect_url_not_allowed`
 */
export function checkSettings(settings: Settings, change: Change): void {
  const faults = faultsOf(settings, change);
  if (faults.length > 0) throw new ApiError('validation_failed', { faults });
  checkDefaultTemplates(settings, change.config);
}
