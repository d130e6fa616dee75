/** The path of a logo. */
export const logoUrl = (appName: string, hash: Buffer): string => `/apps/${appName}/logo/${hash.toString('hex')}`;
