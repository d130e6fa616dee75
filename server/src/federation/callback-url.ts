import type { Config } from '../config.ts';

/** The callback URL, which must be registered at every provider. */
export const callbackUrl = (config: Config): string => `${config.publicUrl}/idps/callback`;
