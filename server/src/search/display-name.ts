/** The display name of a person: given and family name. Identity providers may return only one name. */
export const displayName = ({ firstName, lastName }: { firstName: string; lastName: string }): string =>
  `${firstName} ${lastName}`.trim();
