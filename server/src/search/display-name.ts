/** How a person is shown: given and family name. Identity providers know some people by one name only. */
export const displayName = ({ firstName, lastName }: { firstName: string; lastName: string }): string =>
  `${firstName} ${lastName}`.trim();
