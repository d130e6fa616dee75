import { sql } from '../../db/db.ts';
import { pngOf } from '../images.ts';
import { withStatus } from './answers.ts';
import type { World } from './world.ts';

export const brandingOf = (orgId: string): string => `/v1/authorization/organizations/${orgId}/branding`;

/** Allows organizations of the app to have their own branding, without an event. */
export const enableOrganizationBranding = ({ test, appId }: World) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || '{"organizationBranding": true}'::jsonb WHERE id = ${appId}`);

/** Sets the branding of an organization, as super admin. */
export async function setOrganizationBranding(world: World, orgId: string, body: object): Promise<void> {
  withStatus(200, await world.call('PATCH', brandingOf(orgId), { token: world.admin.token, body }));
}

/** Sets the logo of an organization, as super admin. @returns its path */
export async function setOrganizationLogo(world: World, orgId: string, [width, height] = [2, 1]): Promise<string> {
  const body = { content: pngOf(width ?? 2, height ?? 1) };
  const answer = await world.call('PUT', `${brandingOf(orgId)}/logo`, { token: world.admin.token, body });
  return new URL(withStatus(200, answer).json<{ url: string }>().url).pathname;
}
