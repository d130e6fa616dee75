let counter = 0;

/** Returns a name that no other call in this process gets. */
export const unique = (prefix: string): string => `${prefix}-${(counter += 1)}`;
