import { accepting, overApp } from '../access/access.ts';
import { changedFields } from '../calls/changed-fields.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { settings, type Settings, type SettingsPatch, updateSettings } from './apps.schema.ts';
import { patchApp } from './apps.store.ts';
import { namedAppOf } from './named-app.ts';
import { checkSettings } from './check-settings.ts';
import { withWarnings } from './settings-warnings.ts';

/** Only this setting is protected, because a stolen session must not disable the protection of the others. */
const keepsStepUp = async (call: Call<unknown, unknown, SettingsPatch>): Promise<boolean> =>
  call.body.stepUp === undefined || call.body.stepUp === (await namedAppOf(call)).settings.stepUp;

export const settingsRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/apps/settings',
    operationId: 'getAppSettings',
    tag: 'authorization',
    summary: 'Get the settings of the app',
    description: 'Returns all settings of the app, including defaults.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    response: { status: 200, description: 'The settings.', body: settings },
    handler: async (call) => withWarnings((await namedAppOf(call)).settings, call.services.config),
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/apps/settings',
    operationId: 'updateAppSettings',
    freshAuthentication: 'always',
    isExemptFromFreshAuthentication: keepsStepUp,
    tag: 'authorization',
    summary: 'Change settings of the app',
    description:
      'Changes the settings in the request; absent settings stay unchanged, also within `mail` and ' +
      '`limits`. Effective from the next request on, in every process.',
    access: overApp('SUPER_ADMIN'),
    audit: 'app.settings_updated',
    body: updateSettings,
    response: { status: 200, description: 'The changed settings.', body: settings },
    errors: ['redirect_url_not_allowed'],
    handler: async (call) => {
      const { appId, body, services } = call;
      const app = await namedAppOf(call);
      const changes = changedFields({ settings: body });
      if (changes.length === 0) return withWarnings(app.settings, services.config);
      const check = (merged: Settings, before: Settings) =>
        checkSettings(merged, { appName: app.name, before, config: services.config, pointer: '/body' });
      return mutate(call, async (tx) => {
        const changed = await patchApp(tx, app.name, { settings: body }, services.clock.now(), check);
        const result = withWarnings(changed.settings, services.config);
        return { result, event: { target: { kind: 'app', id: appId }, changes } };
      });
    },
  }),
];
