import { overOrganization } from '../../access/access.ts';
import { pngOf } from '../images.ts';
import { enableOrganizationBranding, setOrganizationLogo } from '../world/branding.ts';
import { human, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { unique } from '../world/names.ts';

/** The app allows branding of organizations, and ours has a logo. */
async function withLook({ world, orgId }: Stage): Promise<void> {
  await enableOrganizationBranding(world);
  await setOrganizationLogo(world, orgId);
}

/** Sample calls of the branding of organizations. */
export const samplesOfOrganizationBranding: SampleCalls = {
  getOrganizationBranding: [
    {
      admits: ['member', 'manager', 'owner', 'superAdmin', 'machine'],
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId } }),
      answers: () => ({ textsAllowed: false }),
    },
  ],
  updateOrganizationBranding: [
    {
      admits: ['owner', 'superAdmin'],
      target: ['organization', 'orgId'],
      prepare: async ({ world, owner, orgId }) => {
        await enableOrganizationBranding(world);
        return { as: human(owner), params: { orgId }, body: { name: unique('A brand') } };
      },
    },
    {
      title: 'with permission for its texts',
      admits: ['superAdmin'],
      needs: { access: overOrganization('change', 'SUPER_ADMIN'), otherwise: 'access_denied' },
      target: ['organization', 'orgId'],
      prepare: async ({ world, orgId }) => {
        await enableOrganizationBranding(world);
        return { as: human(world.admin), params: { orgId }, body: { textsAllowed: true } };
      },
    },
  ],
  previewOrganizationBranding: [
    {
      admits: ['owner', 'superAdmin'],
      isNoOp: true,
      prepare: async ({ world, owner, orgId }) => {
        await enableOrganizationBranding(world);
        return { as: human(owner), params: { orgId }, body: { radius: 12 } };
      },
    },
  ],
  getOrganizationLogo: [
    {
      admits: ['member', 'manager', 'owner', 'superAdmin', 'machine'],
      prepare: async (stage) => {
        await withLook(stage);
        return { as: human(stage.member), params: { orgId: stage.orgId } };
      },
    },
  ],
  setOrganizationLogo: [
    {
      admits: ['owner', 'superAdmin'],
      target: ['organization', 'orgId'],
      prepare: async ({ world, owner, orgId }) => {
        await enableOrganizationBranding(world);
        return { as: human(owner), params: { orgId }, body: { content: pngOf(3, 2) } };
      },
    },
  ],
  deleteOrganizationLogo: [
    {
      admits: ['owner', 'superAdmin'],
      target: ['organization', 'orgId'],
      prepare: async (stage) => {
        await withLook(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId } };
      },
    },
  ],
};
