import { accepting, overApp } from '../access/access.ts';
import { type App, patchMailBrand } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { changedFields } from '../db/changed-fields.ts';
import { type AppLook, branding, type BrandingPatch, updateBranding } from './branding.schema.ts';
import { findAppLook, patchAppLook } from './branding.store.ts';
import { checkColors } from './check-colors.ts';

const toBranding = ({ settings }: App, look: AppLook) => ({
  name: settings.mail.brandName ?? null,
  primaryColor: settings.mail.color ?? null,
  ...look,
});

/** The settings of mails that hold the name and the primary colour; undefined if the patch changes neither. */
function mailBrandOf({ name, primaryColor }: BrandingPatch) {
  if (name === undefined && primaryColor === undefined) return undefined;
  return { ...(name !== undefined && { brandName: name }), ...(primaryColor !== undefined && { color: primaryColor }) };
}

export const brandingRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/branding',
    operationId: 'getBranding',
    tag: 'authorization',
    summary: 'Get the branding of the app',
    description: 'Returns the branding of the hosted pages and mails of the app. null stands for a default.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    response: { status: 200, description: 'The branding.', body: branding },
    handler: async (call) => toBranding(await namedAppOf(call), await findAppLook(call.services.db, call.appId)),
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/branding',
    operationId: 'updateBranding',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Change the branding of the app',
    description:
      'Changes the branding of the hosted pages and mails of the app, effective from the next page on. A colour is ' +
      'refused if text in it cannot be read on the backgrounds of the pages; `nearestColors` has the nearest shade ' +
      'that can.',
    access: overApp('SUPER_ADMIN'),
    audit: 'app.branding_updated',
    body: updateBranding,
    response: { status: 200, description: 'The changed branding.', body: branding },
    errors: ['contrast_too_low'],
    handler: async (call) => {
      const { appId, body, services } = call;
      checkColors(body);
      const now = services.clock.now();
      const { name, primaryColor, ...look } = body;
      const brand = mailBrandOf({ name, primaryColor });
      const app = await namedAppOf(call);
      return mutate(call, async (tx) => {
        const changed = brand ? await patchMailBrand(tx, appId, brand, now) : app;
        const result = toBranding(changed, await patchAppLook(tx, appId, look, now));
        return { result, event: { target: { kind: 'app', id: appId }, changes: changedFields(body) } };
      });
    },
  }),
];
