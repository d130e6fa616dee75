import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { assetUrl, findAsset } from '../http/assets.ts';
import { ApiError } from '../http/errors.ts';
import { sendNegotiated } from '../http/negotiated.ts';

/** The URL of the script of the pages. The pages need it for passkeys only. */
export const scriptUrl = (): string => assetUrl('passkeys.js');

export const scriptRoute = route({
  method: 'GET',
  url: '/pages/:file',
  operationId: 'getPageScript',
  tag: 'platform',
  summary: 'The script of the hosted pages',
  description: 'The name changes with the content.',
  access: publicAccess({ app: 'none' }),
  params: z.strictObject({ file: z.string().meta({ description: 'Name of the file.', examples: ['passkeys.js'] }) }),
  response: { status: 200, description: 'The file.' },
  errors: ['route_not_found'],
  hidden: true,
  handler: async ({ request, reply, params }) => {
    const asset = `/pages/${params.file}` === scriptUrl() ? findAsset(params.file) : undefined;
    if (!asset) throw new ApiError('route_not_found');
    await sendNegotiated(request, reply, asset);
  },
});
