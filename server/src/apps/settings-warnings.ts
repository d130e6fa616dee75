import type { Config } from '../config.ts';
import type { Settings } from './apps.schema.ts';
import { entryFault, entryLists } from './check-settings.ts';

const matchesByOrigin =
  'redirectMatching is "origin": everybody may use each path of the bare origins in redirectUrls as the target of a ' +
  'link. List the target pages of links, then set redirectMatching to "exact".';

/** Warnings for administrators of the app, one sentence each. */
export function settingsWarnings(settings: Settings, config: Config): string[] {
  const entries = entryLists.flatMap((list) =>
    settings[list].flatMap((entry) => {
      const fault = entryFault(list, entry, config);
      return fault === undefined ? [] : [`${list}: ${fault}`];
    }),
  );
  return settings.redirectMatching === 'origin' ? [matchesByOrigin, ...entries] : entries;
}

/** The settings as a response. */
export function withWarnings(settings: Settings, config: Config): Settings & { warnings?: string[] } {
  const warnings = settingsWarnings(settings, config);
  return warnings.length === 0 ? settings : { ...settings, warnings };
}
