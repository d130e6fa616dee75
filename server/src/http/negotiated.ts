import { isKnown } from './if-none-match.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The encodings of a text, in order of preference. */
export const encodings = ['br', 'gzip', 'identity'] as const;
export type Encoding = (typeof encodings)[number];

/** One text in one or more encodings. */
export interface Negotiable {
  readonly type: string;
  /** Identifies the version of the text. */
  readonly hash: string;
  readonly cacheControl: string;
  readonly available: readonly Encoding[];
  readonly read: (encoding: Encoding) => Buffer | Promise<Buffer>;
}

/**
 * The weight of a media type or an encoding in an `Accept` or `Accept-Encoding` header, from 0 to 1. A name that is not
 * in the header has the weight 0.
 *
 * @see RFC 9110, section 12.4.2
 */
export function weightOf(header: string, name: string): number {
  const weights = header.split(',').flatMap((part) => {
    const [named = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1;
    return named === name ? [Number(weight)] : [];
  });
  return Math.max(0, ...weights);
}

/** The best available encoding that the caller accepts; every caller accepts `identity`. */
function bestEncoding(header: string, available: readonly Encoding[]): Encoding {
  return encodings.find((encoding) => available.includes(encoding) && weightOf(header, encoding) > 0) ?? 'identity';
}

/**
 * Adds the name of a request header to `Vary` and keeps existing names. Otherwise a shared cache would serve a response
 * in the wrong format.
 */
export function varyBy(reply: FastifyReply, header: string): void {
  const others = reply.getHeader('vary');
  void reply.header('vary', others === undefined ? header : `${String(others)}, ${header}`);
}

/** Sends the text in the preferred encoding, or 304 if the caller already has it. */
export async function sendNegotiated(request: FastifyRequest, reply: FastifyReply, text: Negotiable): Promise<void> {
  // Weak, because the tag identifies the text in every encoding.
  const etag = `W/"${text.hash}"`;
  varyBy(reply, 'Accept-Encoding');
  reply.headers({ etag, 'cache-control': text.cacheControl });
  if (isKnown(request, etag)) {
    await reply.code(304).send();
    return;
  }
  const encoding = bestEncoding(request.headers['accept-encoding'] ?? '', text.available);
  if (encoding !== 'identity') reply.header('content-encoding', encoding);
  await reply.type(text.type).send(await text.read(encoding));
}
