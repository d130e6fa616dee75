import { LRUCache } from 'lru-cache';
import * as oidc from 'openid-client';

/** The cache of provider configurations and keys in this process. */
export interface ProviderCache {
  /** Returns a cached document, or fetches it and caches it if the status is 200. */
  readonly fetchDocument: oidc.CustomFetch;
  /** Drops the documents of an issuer, so that the next flow fetches them again. */
  forget(issuer: string): void;
  /** Runs `work` with the cached keys of a provider, and caches the keys that `work` fetched. */
  withKeys<Result>(config: oidc.Configuration, work: () => Promise<Result>): Promise<Result>;
}

/** How long the configuration and the keys of a provider are cached. */
const metadataLifeMs = 600_000;
const keysLifeMs = 300_000;
/**
 * The age of cached keys that is reported to the library: old enough that the library fetches keys again if none
 * matches a token (keys rotate), and young enough that it accepts them.
 */
const ageOfKeptKeysSeconds = 100;

/** Creates an empty cache for this fetch function. */
export const createProviderCache = (fetch: oidc.CustomFetch): ProviderCache => ({
  ...cacheDocuments(fetch),
  ...cacheKeys(),
});

/** The library reads the configuration of a provider for each flow. The cache saves most of these requests. */
function cacheDocuments(fetch: oidc.CustomFetch): Pick<ProviderCache, 'fetchDocument' | 'forget'> {
  const documents = new LRUCache<string, { body: string; headers: [string, string][] }>({
    max: 500,
    ttl: metadataLifeMs,
  });
  return {
    async fetchDocument(url, options) {
      const kept = documents.get(url);
      if (kept) return new Response(kept.body, { headers: kept.headers });
      const response = await fetch(url, options);
      if (response.status !== 200) return response;
      const document = { body: await response.text(), headers: [...response.headers] };
      documents.set(url, document);
      return new Response(document.body, { headers: document.headers });
    },
    forget(issuer) {
      for (const url of documents.keys()) if (url.startsWith(issuer)) documents.delete(url);
    },
  };
}

function cacheKeys(): Pick<ProviderCache, 'withKeys'> {
  const keySets = new LRUCache<string, oidc.ExportedJWKSCache>({ max: 500, ttl: keysLifeMs });
  return {
    async withKeys(config, work) {
      const name = config.serverMetadata().jwks_uri ?? '';
      const kept = keySets.get(name);
      const uat = Math.floor(Date.now() / 1000) - ageOfKeptKeysSeconds;
      if (kept) oidc.setJwksCache(config, { jwks: kept.jwks, uat });
      const result = await work();
      const used = oidc.getJwksCache(config);
      if (used && used.uat !== uat) keySets.set(name, used);
      return result;
    },
  };
}
