import type { Kind } from './patch-fields.kinds.ts';
import { human } from './samples/sample.ts';
import { pngOf } from './images.ts';
import { withStatus } from './world/answers.ts';
import { brandingOf, enableOrganizationBranding } from './world/branding.ts';
import { enrol } from './world/factors.ts';
import type { Person, World } from './world/world.ts';

async function get(world: World, { token }: Person, rest: string): Promise<unknown> {
  return withStatus(200, await world.call('GET', `/v1/authorization/organizations/${rest}`, { token })).json();
}

const organizationKind: Kind = {
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner, { metadata: { plan: 'pro' } });
    return {
      prepare: () => ({ as: human(owner), params: { orgId } }),
      read: () => get(world, owner, `${orgId}?includeMetadata=true`),
    };
  },
  values: { name: 'Another name' },
};

const securityKind: Kind = {
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    await enrol(world, owner);
    return {
      prepare: () => ({ as: human(owner), params: { orgId } }),
      read: () => get(world, owner, `${orgId}/security`),
    };
  },
  // The owner has no passkey.
  values: { allowedFactors: ['totp'], signInMethods: ['password'] },
};

const looks = {
  primaryColor: '#0b6e4f',
  primaryColorDark: '#8ab4ff',
  texts: { 'en.signInLead': 'Welcome to {{brandName}}' },
  termsUrl: 'https://acme.example/terms',
  privacyUrl: 'https://acme.example/privacy',
  supportUrl: 'https://acme.example/support',
};

const brandingKind: Kind = {
  make: (world) =>
    Promise.resolve({
      prepare: () => ({ as: human(world.admin) }),
      read: async () =>
        withStatus(200, await world.call('GET', '/v1/authorization/branding', { token: world.admin.token })).json(),
    }),
  values: looks,
};

const logoKind: Kind = {
  make: (world) =>
    Promise.resolve({
      prepare: () => ({ as: human(world.admin) }),
      read: async () => {
        const answer = await world.call('GET', '/v1/authorization/branding/logo', { token: world.admin.token });
        return answer.statusCode === 404 ? {} : answer.json<object>();
      },
    }),
  values: { content: pngOf(2, 2) },
  follows: { content: ['type', 'width', 'height', 'url'] },
};

/** An organization of an app that shows the branding of organizations. */
async function brandedPlace(world: World) {
  await enableOrganizationBranding(world);
  const orgId = await world.organization(await world.person());
  return { orgId, prepare: () => ({ as: human(world.admin), params: { orgId } }) };
}

const organizationBrandingKind: Kind = {
  make: async (world) => {
    const { orgId, prepare } = await brandedPlace(world);
    return { prepare, read: () => get(world, world.admin, `${orgId}/branding`) };
  },
  values: looks,
};

const organizationLogoKind: Kind = {
  ...logoKind,
  make: async (world) => {
    const { orgId, prepare } = await brandedPlace(world);
    const read = async () => {
      const answer = await world.call('GET', `${brandingOf(orgId)}/logo`, { token: world.admin.token });
      return answer.statusCode === 404 ? {} : answer.json<object>();
    };
    return { prepare, read };
  },
};

/** The resources of organizations, and the branding. */
export const kindsOfOrganizations: Readonly<Record<string, Kind>> = {
  updateOrganization: organizationKind,
  updateOrganizationSecurity: securityKind,
  updateBranding: brandingKind,
  setLogo: logoKind,
  updateOrganizationBranding: organizationBrandingKind,
  setOrganizationLogo: organizationLogoKind,
};
