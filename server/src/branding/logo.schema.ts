import { z } from 'zod';
import { appName } from '../apps/apps.schema.ts';
import { text } from '../http/fields.ts';
import { imageTypes } from './image.ts';

const kilobyte = 1024;
const mostBytes = 100 * kilobyte;
/** Maximum number of pixels of a side. Browsers reserve memory for all pixels. */
export const mostPixels = 2048;

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A PNG of one pixel. */
const example = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const content = text({ min: 1, max: Math.ceil(mostBytes / 3) * 4 })
  .refine((value) => base64.test(value), { error: 'Must be base64.' })
  .refine((value) => !base64.test(value) || Buffer.byteLength(value, 'base64') <= mostBytes, {
    error: 'At most 100 KiB.',
  })
  .meta({
    description:
      `The image in base64: PNG, WebP or JPEG without animation, at most 100 KiB and ${mostPixels} pixels wide and ` +
      'high. The image format is detected from the bytes. SVG is refused, because it can contain scripts.',
    examples: [example],
  });

export const setLogo = z.strictObject({ content }).meta({ id: 'SetLogoRequest', description: 'A logo.' });

export const logo = z
  .object({
    content: z.string().meta({ description: 'The image in base64.', examples: [example] }),
    type: z.enum(imageTypes).meta({ description: 'Media type of the image.', examples: ['image/png'] }),
    width: z.int().meta({ description: 'Width in pixels.', examples: [1] }),
    height: z.int().meta({ description: 'Height in pixels.', examples: [1] }),
    url: z.string().meta({
      description: 'Address of the image on pages and in mails. It contains a hash of the image.',
      examples: [
        'https://auth.example.com/apps/demo/logo/431ced6916a2a21a156e38701afe55bbd7f88969fbbfc56d7fe099d47f265460',
      ],
    }),
  })
  .meta({ id: 'Logo', description: 'The logo of an app.' });

export const logoParams = z.strictObject({
  app: appName,
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, { error: 'Must be a SHA-256 in hexadecimal.' })
    .meta({
      description: 'SHA-256 of the image.',
      examples: ['431ced6916a2a21a156e38701afe55bbd7f88969fbbfc56d7fe099d47f265460'],
    }),
});
