import { accepting, overApp, publicAccess } from '../access/access.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { logo, logoParams, setLogo } from './logo.schema.ts';
import { findLogo, findServedLogo, removeLogo, storeLogo } from './logo.store.ts';
import { readLogo, toLogoResource } from './read-logo.ts';

export const logoRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/branding/logo',
    operationId: 'getLogo',
    tag: 'authorization',
    summary: 'Get the logo of the app',
    description: 'Returns the logo and its public URL.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    response: { status: 200, description: 'The logo.', body: logo },
    errors: ['logo_not_found'],
    handler: async (call) => {
      const found = await findLogo(call.services.db, call.appId);
      if (!found) throw new ApiError('logo_not_found');
      return toLogoResource(call, found);
    },
  }),

  route({
    method: 'PUT',
    url: '/v1/authorization/branding/logo',
    operationId: 'setLogo',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Set the logo of the app',
    description:
      'Stores the logo that hosted pages and mails show instead of the name. Every logo has a separate URL. ' +
      'After the logo was replaced, mails that were sent before show the name instead. In mails, the setting ' +
      '`mail.logoUrl` has priority.',
    access: overApp('SUPER_ADMIN'),
    audit: 'app.branding_updated',
    body: setLogo,
    response: { status: 200, description: 'The logo is stored.', body: logo },
    errors: ['logo_invalid'],
    handler: async (call) => {
      const { appId, services } = call;
      const read = readLogo(call.body.content);
      const result = await toLogoResource(call, read);
      return mutate(call, async (tx) => {
        await storeLogo(tx, appId, { logo: read, now: services.clock.now() });
        return { result, event: { target: { kind: 'app', id: appId }, changes: ['logo'] } };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/branding/logo',
    operationId: 'deleteLogo',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete the logo of the app',
    description: 'Pages and mails show the name again.',
    access: overApp('SUPER_ADMIN'),
    audit: 'app.branding_updated',
    response: { status: 204, description: 'The logo is deleted.' },
    errors: ['logo_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { appId, services } = call;
        if (!(await removeLogo(tx, appId, { now: services.clock.now() }))) throw new ApiError('logo_not_found');
        return { result: undefined, event: { target: { kind: 'app', id: appId }, changes: ['logo'] } };
      }),
  }),

  route({
    method: 'GET',
    url: '/apps/:app/logo/:hash',
    operationId: 'showLogo',
    tag: 'platform',
    summary: 'The logo of an app or organization',
    description: 'The image, for pages and mails.',
    access: publicAccess({ app: 'none' }),
    hidden: true,
    params: logoParams,
    response: { status: 200, description: 'The image.' },
    errors: ['route_not_found'],
    handler: async ({ services, params, reply }) => {
      const found = await findServedLogo(services.db, params.app, Buffer.from(params.hash, 'hex'));
      if (!found) throw new ApiError('route_not_found');
      reply.headers({
        // The URL contains the hash, so the content never changes. A browser never runs the file as a page.
        'cache-control': 'public, max-age=31536000, immutable',
        'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'cross-origin',
        // A logo that is opened in a tab is downloaded: an image could show a message under the name of this host.
        'content-disposition': 'attachment; filename="logo"',
      });
      await reply.type(found.type).send(found.bytes);
    },
  }),
];
