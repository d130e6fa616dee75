import { isKnown } from '../http/if-none-match.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The encodings of a text, best first. */
export const encodings = ['br', 'gzip', 'identity'] as const;
export type Encoding = (typeof encodings)[number];

/** One text in one or more packings. */
export interface Negotiable {
  readonly type: string;
  /** Tells the versions of the text apart. */
  readonly hash: string;
  readonly cacheControl: string;
  readonly available: readonly Encoding[];
  readonly read: (encoding: Encoding) => Buffer | Promise<Buffer>;
}

/** Whether an `Accept-Encoding` header names the encoding without ruling it out. @see RFC 9110, section 12.5.3 */
function accepts(header: string, encoding: Encoding): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** The best available encoding that the caller accepts; every caller accepts `identity`. */
function bestEncoding(header: string, available: readonly Encoding[]): Encoding {
  return encodings.find((encoding) => available.includes(encoding) && accepts(header, encoding)) ?? 'identity';
}

/**
 * Adds the name of a request header to `Vary`, and keeps what other parts of the service have put there. A shared cache
 * would otherwise give one caller what another has asked for.
 */
export function varyBy(reply: FastifyReply, header: string): void {
  const others = reply.getHeader('vary');
  void reply.header('vary', others === undefined ? header : `${String(others)}, ${header}`);
}

/** Answers with the text in the best packing, or with 304 when the caller has it already. */
export async function sendNegotiated(request: FastifyRequest, reply: FastifyReply, text: Negotiable): Promise<void> {
  // Weak, because it stands for the text in every encoding.
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
