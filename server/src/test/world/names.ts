let counter = 0;

/** Returns a name that is unique in this process. */
export const unique = (prefix: string): string => `${prefix}-${(counter += 1)}`;
