import type { FastifyRequest } from 'fastify';

/** The entity tag of a version. */
export const etag = (version: string): string => `"${version}"`;

/**
 * The versions that `If-Match` accepts; undefined if the header is absent or `*`. Weak and unknown tags match nothing,
 * because the comparison is strong.
 *
 * @see RFC 9110, section 13.1.1
 */
export function acceptedVersions(request: FastifyRequest): string[] | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return undefined;
  // Tags are compared as strings: "01" is not the tag of version 1.
  return header.split(',').flatMap((tag) => /^"(0|[1-9]\d{0,17})"$/.exec(tag.trim())?.[1] ?? []);
}
