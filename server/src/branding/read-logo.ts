import { createHash } from 'node:crypto';
import { namedAppOf } from '../apps/named-app.ts';
import type { Call } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { readImage } from './image.ts';
import { mostPixels } from './logo.schema.ts';
import type { Logo } from './logo.store.ts';
import { logoUrl } from './logo-url.ts';

/**
 * @param content the image in base64
 * @throws ApiError `logo_invalid`
 */
export function readLogo(content: string): Logo {
  const bytes = Buffer.from(content, 'base64');
  const image = readImage(bytes);
  if (!image) throw new ApiError('logo_invalid');
  const isInBounds = [image.width, image.height].every((pixels) => pixels >= 1 && pixels <= mostPixels);
  if (!isInBounds) throw new ApiError('logo_invalid', { detail: `The image is not 1 to ${mostPixels} pixels a side.` });
  return { ...image, bytes, hash: createHash('sha256').update(bytes).digest() };
}

export async function toLogoResource(call: Call, { bytes, hash, type, width, height }: Logo) {
  const { name } = await namedAppOf(call);
  const url = call.services.config.publicUrl + logoUrl(name, hash);
  return { content: bytes.toString('base64'), type, width, height, url };
}
