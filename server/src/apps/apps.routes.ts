import type { Config } from '../config.ts';
import { platformAccess } from '../access/access.ts';
import { changedFields } from '../db/changed-fields.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import {
  app,
  appList,
  appParams,
  createApp as createAppBody,
  patchApp as patchAppBody,
  type Settings,
} from './apps.schema.ts';
import { type App, getApp, listApps, patchApp } from './apps.store.ts';
import { checkSettings } from './check-settings.ts';
import { relyingPartyFor } from './relying-party.ts';
import { withWarnings } from './settings-warnings.ts';
import { createApp, prepareApp } from '../accounts/create-app.ts';

const toResource = (found: App, config: Config) => ({
  name: found.name,
  displayName: found.displayName,
  status: found.status,
  settings: withWarnings(found.settings, config),
  createdAt: found.createdAt.toISOString(),
  updatedAt: found.updatedAt.toISOString(),
});

export const appRoutes = [
  route({
    method: 'POST',
    url: '/v1/platform/apps',
    operationId: 'createApp',
    tag: 'platform',
    summary: 'Create an app',
    description: 'Creates an app with its first signing key and its first super admin.',
    access: platformAccess,
    audit: 'app.created',
    body: createAppBody,
    response: { status: 201, description: 'The app is created.', body: app },
    errors: ['app_name_taken', 'password_too_weak', 'redirect_url_not_allowed', 'overloaded'],
    handler: async (call) => {
      const { services, body } = call;
      const prepared = await prepareApp(services, { ...body, settings: body.settings ?? {} });
      await mutate(call, async (tx) => {
        await createApp(tx, services, prepared);
        return { result: undefined, event: { appId: prepared.id, target: { kind: 'app', id: prepared.id } } };
      });
      return toResource(await getApp(services.db, body.name), services.config);
    },
  }),

  route({
    method: 'GET',
    url: '/v1/platform/apps',
    operationId: 'listApps',
    tag: 'platform',
    summary: 'List apps',
    description: 'Lists all apps of the deployment, oldest first.',
    access: platformAccess,
    response: { status: 200, description: 'The apps.', body: appList },
    handler: async ({ services }) => ({
      apps: (await listApps(services.db)).map((found) => toResource(found, services.config)),
    }),
  }),

  route({
    method: 'GET',
    url: '/v1/platform/apps/:name',
    operationId: 'getApp',
    tag: 'platform',
    summary: 'Get an app',
    description: 'One app with its settings.',
    access: platformAccess,
    params: appParams,
    response: { status: 200, description: 'The app.', body: app },
    errors: ['app_not_found'],
    handler: async ({ services, params }) => toResource(await getApp(services.db, params.name), services.config),
  }),

  route({
    method: 'PATCH',
    url: '/v1/platform/apps/:name',
    operationId: 'updateApp',
    tag: 'platform',
    summary: 'Update an app',
    description:
      'Changes display name, status and settings; absent settings stay unchanged. All further calls of a ' +
      'deactivated app are refused.',
    access: platformAccess,
    audit: 'app.updated',
    params: appParams,
    body: patchAppBody,
    response: { status: 200, description: 'The changed app.', body: app },
    errors: ['app_not_found', 'redirect_url_not_allowed'],
    handler: (call) => {
      const { services, params, body } = call;
      const changes = changedFields(body);
      return mutate(call, async (tx) => {
        if (changes.length === 0) {
          return { result: toResource(await getApp(tx, params.name), services.config), event: undefined };
        }
        const check = (merged: Settings, before: Settings) =>
          checkSettings(merged, { appName: params.name, before, config: services.config, pointer: '/body/settings' });
        const { app: changed, isChanged } = await patchApp(tx, params.name, body, services.clock.now(), {
          check,
          domainOfPasskeys: (settings) => relyingPartyFor(settings, services.config)?.id,
        });
        return {
          result: toResource(changed, services.config),
          event: isChanged ? { appId: changed.id, target: { kind: 'app', id: changed.id }, changes } : undefined,
        };
      });
    },
  }),
];
