/** The supported types of identity providers with their specific rules. Pure functions. */
export const providerTypes = ['google', 'azure', 'oidc'] as const;
export type ProviderType = (typeof providerTypes)[number];

/** Types of Microsoft tenants: the names in our API, and those in Microsoft's URLs. */
export const tenantTypes = {
  AZURE_AD_TENANT_TYPE_COMMON: 'common',
  AZURE_AD_TENANT_TYPE_ORGANISATIONS: 'organizations',
  AZURE_AD_TENANT_TYPE_CONSUMERS: 'consumers',
} as const;

export type TenantType = keyof typeof tenantTypes;

export const tenantTypeNames = Object.keys(tenantTypes) as [TenantType, ...TenantType[]];

export const googleIssuer = 'https://accounts.google.com';

const microsoftOrigin = 'https://login.microsoftonline.com';

/** The tenant of all personal Microsoft accounts. */
const consumersTenant = '9188040d-6c67-4c5b-b112-36a304b66dad';

/** @param tenant the id of a tenant, or `common`, `organizations`, `consumers` */
export const azureIssuer = (tenant: string): string => `${microsoftOrigin}/${tenant}/v2.0`;

/** The tenant, or type of tenants, in the issuer of a Microsoft provider. */
const tenantOf = (issuer: string): string => new URL(issuer).pathname.split('/')[1] ?? '';

/** The configuration of a Microsoft provider, derived from its issuer. */
export function azureTenant(issuer: string): { tenantType: TenantType } | { tenantId: string } {
  const tenant = tenantOf(issuer);
  const tenantType = tenantTypeNames.find((name) => tenantTypes[name] === tenant);
  return tenantType ? { tenantType } : { tenantId: tenant };
}

/**
 * Whether a Microsoft provider is for one tenant whose administrators are trusted for its addresses. The tenant of
 * personal accounts does not count, because anyone can create an account there.
 */
function isAdministered(issuer: string): boolean {
  return 'tenantId' in azureTenant(issuer) && tenantOf(issuer) !== consumersTenant;
}

/** Settings that decide which claims are trusted. */
export interface ProviderRules {
  readonly type: ProviderType;
  readonly issuer: string;
  readonly trustEmail: boolean;
}

/** Untrusted claims of an ID token or of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>;

const isAffirmed = (value: unknown): boolean => value === true || value === 'true' || value === 1 || value === '1';

/**
 * Whether the provider verifies that the person owns the mailbox. An `email` claim alone is not enough: the
 * administrator of a Microsoft tenant can set it to any address.
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

/** Whether a provider restricted to organizations accepts this Microsoft tenant. Personal accounts are refused. */
export function isAdmittedTenant({ type, issuer }: ProviderRules, claims: Claims): boolean {
  if (type !== 'azure' || tenantOf(issuer) !== tenantTypes.AZURE_AD_TENANT_TYPE_ORGANISATIONS) return true;
  return claims['tid'] !== consumersTenant;
}

/** The requested scopes: identity and e-mail address. */
export const defaultScopes: readonly string[] = ['openid', 'email', 'profile'];
