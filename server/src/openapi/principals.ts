import { type Access, needsSession, type Principal, principals } from '../access/access.ts';
import type { Route } from '../calls/route.ts';

/**
 * Principals by target, strongest first: each includes the rights of the following ones. For users, super admins are
 * listed separately from the owners of the user's organizations.
 */
const ladders: Readonly<Record<string, readonly Principal[]>> = {
  organization: ['SUPER_ADMIN', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'],
  user: ['ORG_OWNER', 'ORG_USER_MANAGER'],
};

/** Names of the allowed callers: the declared principals and those that they imply. */
export function principalsOf(access: Access): string[] {
  if (access.target === 'public') return ['PUBLIC'];
  if (access.target === 'platform') return ['PLATFORM_OPERATOR'];
  const ladder = ladders[access.target] ?? [];
  const lowest = ladder.findLastIndex((principal) => access.principals.includes(principal));
  const machine = access.organizationMachine ? ['ORG_MACHINE_USER'] : [];
  const allowed = new Set<string>([...access.principals, ...ladder.slice(0, lowest + 1), ...machine]);
  return Object.keys(principals).filter((name) => allowed.has(name));
}

function describe(name: string): string {
  return `\`${name}\` (${principals[name as Principal]})`;
}

/** The sentence about the allowed callers. */
export function whoSentence({ access, oauth }: Route): string {
  if (oauth) return '**Who:** an OAuth client, with the id and secret of a machine user of the app.';
  if (access.target === 'platform') return '**Who:** the operator of the deployment, with a platform key.';
  if (access.target === 'public') {
    if (access.acceptsSession) {
      return (
        '**Who:** `PUBLIC`: anyone. A session token sent as Bearer authenticates its user. Any other Bearer token ' +
        'is refused. Cookies are ignored.'
      );
    }
    const isNamed = access.app !== 'none' && access.app !== 'in-path';
    const needed = isNamed ? 'and only the app header is required' : 'and the app header is not required';
    return `**Who:** \`PUBLIC\`: anyone. Credentials are ignored, ${needed}.`;
  }
  const mailed = access.target === 'user' && access.mailedToken ? ['anyone with the token of the mail'] : [];
  const isForPeople = access.principals.some((principal) => principal !== 'GENERIC_MACHINE_USER');
  const credential =
    isForPeople && !needsSession(access) ? ' **Credential:** an access token of a person is accepted too.' : '';
  const scope = access.machineScope === undefined ? '' : ` **Scope of machine users:** \`${access.machineScope}\`.`;
  return `**Who:** ${[...principalsOf(access).map(describe), ...mailed].join(', ')}.${credential}${scope}`;
}

/** Allowed credentials, for the extension `x-credentials`. */
export function credentialKindsOf({ access, oauth }: Route): string[] {
  if (oauth) return ['client_secret'];
  if (access.target === 'platform') return ['platform_key'];
  if (access.target === 'public') return access.acceptsSession ? ['session'] : [];
  const isForPeople = access.principals.some((principal) => principal !== 'GENERIC_MACHINE_USER');
  const mailed = access.target === 'user' && access.mailedToken;
  return [
    ...(isForPeople ? ['session'] : []),
    ...(isForPeople && !needsSession(access) ? ['access_token'] : []),
    ...(access.principals.includes('GENERIC_MACHINE_USER') ? ['machine_token'] : []),
    ...(access.organizationMachine ? ['organization_machine_token'] : []),
    ...(mailed ? ['mailed_token'] : []),
  ];
}

type Requirement = Readonly<Record<string, readonly string[]>>;

function credentialsOf(access: Access): Requirement[] {
  if (access.target === 'platform') return [{ platformKey: [] }];
  if (access.target === 'public') return access.acceptsSession ? [{}, { bearerToken: [] }] : [{}];
  const isForHumans = access.principals.some((principal) => principal !== 'GENERIC_MACHINE_USER');
  return [{ bearerToken: [] }, ...(isForHumans ? [{ sessionCookie: [] }] : [])];
}

const isAppNamed = (access: Access): boolean =>
  access.target === 'public' ? access.app !== 'none' && access.app !== 'in-path' : access.target !== 'platform';

/**
 * The security requirement of an operation: the app header if it needs an app, and one of the credentials. The header
 * is not a secret, but as a security scheme it is configured once in a generated client.
 */
export function securityOf({ access, oauth }: Route): Requirement[] {
  if (oauth) return [{ clientCredential: [] }];
  return isAppNamed(access)
    ? credentialsOf(access).map((credential) => ({ appName: [], ...credential }))
    : credentialsOf(access).filter((credential) => Object.keys(credential).length > 0);
}

/** Every security scheme, for the components of the document. */
export const securitySchemes = {
  appName: {
    type: 'apiKey',
    in: 'header',
    name: 'X-App-Name',
    description: 'The name of the app, e.g. `demo`. It is not a secret.',
  },
  bearerToken: {
    type: 'http',
    scheme: 'bearer',
    description:
      'The opaque session token of a person (`gh_s_…`) or the access token of a machine user. Some operations also ' +
      'accept the access token of a person. Both access tokens are JWTs signed with ES256.',
  },
  sessionCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'session-token',
    description: 'The cookie that a sign-in sets. Calls that change data must come from an allowed origin.',
  },
  platformKey: { type: 'http', scheme: 'bearer', description: 'A key of the operator of the deployment.' },
  clientCredential: {
    type: 'http',
    scheme: 'basic',
    description: 'The client id and secret of a machine user. They can be sent in the form instead.',
  },
} as const;
