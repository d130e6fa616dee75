import { type KeyObject, sign, verify } from 'node:crypto';

/** The header of every token that this service issues. No other fields are allowed. */
export interface JwtHeader {
  readonly alg: 'ES256';
  readonly typ: 'at+jwt';
  readonly kid: string;
}

/** A decoded token. Its signature is **not** checked yet: use `claims` only after `verifySignature`. */
export interface DecodedJwt {
  readonly header: JwtHeader;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

type JsonObject = Record<string, unknown>;

const maxTokenLength = 8 * 1024;
const signatureBytes = 64;
/** Our key ids are thumbprints in base64url. The key is looked up by this value before any signature is checked. */
const kidPattern = /^[\w-]{1,100}$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Signs a JWT access token with ES256 (RFC 7515, RFC 7518 section 3.4, RFC 9068). Uses `node:crypto` directly, because
 * this is a hot path and one algorithm needs no library.
 *
 * @param privateKey a P-256 key
 * @param claims times (`iat`, `nbf`, `exp`) in seconds since 1970
 * @example signJwt(privateKey, 'k1', { sub: '42', exp: 1767225600 }) // 'eyJhbGciOi….eyJzdWIiOi….MEUC…'
 */
export function signJwt(privateKey: KeyObject, kid: string, claims: JsonObject): string {
  const header: JwtHeader = { alg: 'ES256', typ: 'at+jwt', kid };
  const signingInput = `${encodeJson(header)}.${encodeJson(claims)}`;
  const signature = sign('sha256', Buffer.from(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signingInput}.${signature.toString('base64url')}`;
}

/**
 * Decodes a token that has exactly the form of `signJwt`, otherwise returns undefined: three parts of canonical
 * base64url, at most 8 KiB, JSON objects in strict UTF-8, and a header with only `alg`, `typ` and `kid`. This refuses
 * `none`, HMAC with the public key as secret, and keys injected with `jwk`, `jku`, `x5u` or `crit` (RFC 8725, sections
 * 3.1 and 3.10).
 */
export function decodeJwt(token: string): DecodedJwt | undefined {
  if (token.length > maxTokenLength) return undefined;
  const parts = token.split('.', 4);
  if (parts.length !== 3) return undefined;
  const [headerBytes, claimsBytes, signature] = parts.map(decodeBase64url);
  if (!headerBytes || !claimsBytes || !signature) return undefined;
  const header = parseObject(headerBytes);
  const claims = parseObject(claimsBytes);
  if (!header || !claims || !isOurHeader(header)) return undefined;
  return { header, claims, signingInput: Buffer.from(token.slice(0, token.lastIndexOf('.'))), signature };
}

/**
 * Whether the token was signed by the owner of `publicKey` (P-256): the signature is r and s, 32 bytes each (RFC 7518,
 * section 3.4). Does not check expiry, issuer or audience.
 *
 * @example
 * const decoded = decodeJwt(token);
 * if (decoded && verifySignature(publicKey, decoded)) use(decoded.claims);
 */
export function verifySignature(publicKey: KeyObject, { signingInput, signature }: DecodedJwt): boolean {
  if (signature.length !== signatureBytes) return false;
  return verify('sha256', signingInput, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Only the canonical spelling: `Buffer` alone ignores foreign characters, padding and stray bits at the end. */
function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : undefined;
}

function parseObject(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOurHeader(header: JsonObject): header is JsonObject & JwtHeader {
  const { alg, typ, kid, ...others } = header;
  const isKid = typeof kid === 'string' && kidPattern.test(kid);
  return alg === 'ES256' && typ === 'at+jwt' && isKid && Object.keys(others).length === 0;
}
