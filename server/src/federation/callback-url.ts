import type { Config } from '../config.ts';

/** Where every provider sends the browser back to; to be allowed there. */
export const callbackUrl = (config: Config): string => `${config.publicUrl}/idps/callback`;
