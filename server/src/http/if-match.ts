import type { FastifyRequest } from 'fastify';

/** The entity tag of a version. */
export const etag = (version: string): string => `"${version}"`;

/**
 * The versions that `If-Match` accepts; undefined when the header is absent or `*`. Weak and foreign tags match
 * nothing, for the comparison is strong.
 *
 * @see RFC 9110, section 13.1.1
 */
export function acceptedVersions(request: FastifyRequest): string[] | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return undefined;
  // Tags are compared by character: "01" is no version of ours.
  return header.split(',').flatMap((tag) => /^"(0|[1-9]\d{0,17})"$/.exec(tag.trim())?.[1] ?? []);
}
