/** The kinds of identity provider that this service knows, and what is particular about each. Pure. */
export const providerTypes = ['google', 'azure', 'oidc'] as const;
export type ProviderType = (typeof providerTypes)[number];

/** Kinds of Microsoft tenants, as clients name them, and as Microsoft does in addresses. */
export const tenantTypes = {
  AZURE_AD_TENANT_TYPE_COMMON: 'common',
  AZURE_AD_TENANT_TYPE_ORGANISATIONS: 'organizations',
  AZURE_AD_TENANT_TYPE_CONSUMERS: 'consumers',
} as const;

export type TenantType = keyof typeof tenantTypes;

export const tenantTypeNames = Object.keys(tenantTypes) as [TenantType, ...TenantType[]];

export const googleIssuer = 'https://accounts.google.com';

const microsoftOrigin = 'https://login.microsoftonline.com';

/** The tenant in which Microsoft keeps personal accounts. */
const consumersTenant = '9188040d-6c67-4c5b-b112-36a304b66dad';

/** @param tenant a tenant's id, or `common`, `organizations`, `consumers` */
export const azureIssuer = (tenant: string): string => `${microsoftOrigin}/${tenant}/v2.0`;

/** The tenant, or kind of tenants, that the issuer of a Microsoft provider names. */
const tenantOf = (issuer: string): string => new URL(issuer).pathname.split('/')[1] ?? '';

/** How a Microsoft provider was set up, from its issuer. */
export function azureTenant(issuer: string): { tenantType: TenantType } | { tenantId: string } {
  const tenant = tenantOf(issuer);
  const tenantType = tenantTypeNames.find((name) => tenantTypes[name] === tenant);
  return tenantType ? { tenantType } : { tenantId: tenant };
}

/**
 * Whether a Microsoft provider is for one tenant with administrators of its own, who answer for its addresses. The
 * tenant of all personal accounts has none: anybody gets one there.
 */
function isAdministered(issuer: string): boolean {
  return 'tenantId' in azureTenant(issuer) && tenantOf(issuer) !== consumersTenant;
}

/** What decides about the claims of a person. */
export interface ProviderRules {
  readonly type: ProviderType;
  readonly issuer: string;
  readonly trustEmail: boolean;
}

/** Claims of an ID token or of the userinfo endpoint, from outside. */
export type Claims = Readonly<Record<string, unknown>>;

const isAffirmed = (value: unknown): boolean => value === true || value === 'true' || value === 1 || value === '1';

/**
 * Whether the provider vouches that the person owns the mailbox. An `email` claim alone says what somebody typed
 * into a profile: in a Microsoft tenant its administrator writes any text.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization
 */
export function vouchesForEmail({ type, issuer, trustEmail }: ProviderRules, claims: Claims): boolean {
  switch (type) {
    case 'google':
      return isAffirmed(claims['email_verified']);
    case 'azure':
      return isAdministered(issuer) || isAffirmed(claims['xms_edov']);
    case 'oidc':
      return trustEmail && isAffirmed(claims['email_verified']);
  }
}

/** Whether somebody of this Microsoft tenant may come in by a provider that is for organizations only. */
export function isAdmittedTenant({ type, issuer }: ProviderRules, claims: Claims): boolean {
  if (type !== 'azure' || tenantOf(issuer) !== tenantTypes.AZURE_AD_TENANT_TYPE_ORGANISATIONS) return true;
  return claims['tid'] !== consumersTenant;
}

/** What is asked for: who it is, and their address. */
export const defaultScopes: readonly string[] = ['openid', 'email', 'profile'];
