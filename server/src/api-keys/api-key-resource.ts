import type { ApiKey } from './api-keys.store.ts';

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

/** A personal key in responses. */
export const toMyApiKey = (key: ApiKey) => ({
  id: key.id,
  organizationId: key.orgId,
  name: key.name,
  ...(key.roles && { roles: [...key.roles] }),
  ...(key.permissions && { permissions: [...key.permissions] }),
  perMinute: key.perMinute,
  lastCharacters: key.lastCharacters,
  createdAt: key.createdAt.toISOString(),
  expiresAt: iso(key.expiresAt),
  lastUsedAt: iso(key.lastUsedAt),
});

/** A key of an organization in responses. */
export const toOrganizationApiKey = (key: ApiKey) => ({ ...toMyApiKey(key), maker: key.maker });
