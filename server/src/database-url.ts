/** Parameters of libpq that choose among several servers. The driver ignores them silently. */
const choices = ['target_session_attrs', 'load_balance_hosts'];

/**
 * The reason why a connection URL cannot follow a primary among several servers. libpq reads a list of hosts there; the
 * driver reads the list as one name.
 *
 * @returns undefined if the URL names one host
 * @see https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */
export function severalHostsFault(url: string): string | undefined {
  const { authority = '', query = '' } =
    /^[a-z]+:\/\/(?<authority>[^/?#]*)[^?#]*(?:\?(?<query>[^#]*))?/.exec(url)?.groups ?? {};
  const parameters = new URLSearchParams(query);
  const host = authority.slice(authority.lastIndexOf('@') + 1).replaceAll(/%2c/gi, ',');
  const lists = ['host', 'hostaddr'].map((name) => parameters.getAll(name).join(','));
  if ([host, ...lists].some((list) => list.includes(','))) return 'names several hosts';
  const choice = choices.find((name) => parameters.has(name));
  return choice && `has ${choice}, which the driver ignores`;
}
