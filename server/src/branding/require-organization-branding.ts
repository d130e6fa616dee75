import { namedAppOf } from '../apps/named-app.ts';
import type { Call } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';

/** @throws ApiError `organization_branding_disabled` */
export async function requireOrganizationBranding(call: Call): Promise<void> {
  const { settings } = await namedAppOf(call);
  if (!settings.organizationBranding) throw new ApiError('organization_branding_disabled');
}
