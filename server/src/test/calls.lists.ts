import { predefinedRole } from './calls.roles.ts';
import { human, robot, type SampleCall, type SampleCalls } from './calls.sample.ts';
import { addTo, type Stage } from './calls.stage.ts';

const managers: SampleCall['admits'] = ['manager', 'owner', 'superAdmin', 'machine'];

/** A predefined role that our owner holds here, and our member next door only. */
async function roleHeldNextDoor({ world, orgId, neighbourOrgId, owner, member }: Stage): Promise<string> {
  const role = `global:${await predefinedRole(world)}`;
  await addTo({ world, orgId }, owner.userId, role);
  await addTo({ world, orgId: neighbourOrgId }, member.userId, role);
  return role;
}

/** How to call the lists of an organization's users. */
export const samplesOfLists: SampleCalls = {
  listOrganizationUsers: [
    {
      admits: managers,
      prepare: ({ manager, orgId }) => ({ as: human(manager), orgId, query: { pageSize: '100' } }),
      answers: ({ owner, manager, member }) => ({
        metadata: { total: 3 },
        users: [
          { id: owner.userId, roles: [], managerRoles: ['ORG_OWNER'] },
          { id: manager.userId, roles: [], managerRoles: ['ORG_USER_MANAGER'] },
          { id: member.userId, roles: ['reader'], managerRoles: [] },
        ],
      }),
    },
  ],
  searchOrganizationUsers: [
    {
      title: 'by name and address',
      admits: managers,
      isNoOp: true,
      prepare: ({ owner, orgId, member }) => ({
        as: human(owner),
        orgId,
        query: { pageSize: '100' },
        body: { name: 'jon d', email: member.email },
      }),
      answers: ({ member }) => ({ metadata: { total: 1 }, users: [{ id: member.userId, roles: ['reader'] }] }),
    },
    {
      title: 'by the beginning of a word',
      foreignIn: { 'body.userId': 200 },
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId, owner }) => ({
        as: robot(machine),
        orgId,
        query: { pageSize: '100' },
        body: { name: 'do', userId: owner.userId },
      }),
      answers: ({ owner }) => ({ metadata: { total: 1 }, users: [{ id: owner.userId }] }),
    },
    {
      title: 'by role',
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({
        as: robot(machine),
        orgId,
        query: { pageSize: '100' },
        body: { role: 'reader' },
      }),
      answers: ({ member }) => ({ metadata: { total: 1 }, users: [{ id: member.userId }] }),
    },
    {
      title: 'by name and role',
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({
        as: robot(machine),
        orgId,
        query: { pageSize: '100' },
        body: { name: 'doe', role: 'reader' },
      }),
      answers: ({ member }) => ({ metadata: { total: 1 }, users: [{ id: member.userId }] }),
    },
    {
      title: 'by id and role',
      foreignIn: { 'body.userId': 200 },
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId, member }) => ({
        as: robot(machine),
        orgId,
        query: { pageSize: '100' },
        body: { userId: member.userId, role: 'reader' },
      }),
      answers: ({ member }) => ({ metadata: { total: 1 }, users: [{ id: member.userId }] }),
    },
    {
      title: 'by a predefined role that others hold next door',
      admits: managers,
      isNoOp: true,
      prepare: async (stage) => ({
        as: robot(stage.machine),
        orgId: stage.orgId,
        query: { pageSize: '100' },
        body: { role: await roleHeldNextDoor(stage) },
      }),
      answers: ({ owner }) => ({ metadata: { total: 1 }, users: [{ id: owner.userId }] }),
    },
    {
      title: 'by id and a predefined role held next door',
      foreignIn: { 'body.userId': 200 },
      admits: managers,
      isNoOp: true,
      prepare: async (stage) => ({
        as: robot(stage.machine),
        orgId: stage.orgId,
        query: { pageSize: '100' },
        body: { userId: stage.member.userId, role: await roleHeldNextDoor(stage) },
      }),
      answers: () => ({ metadata: { total: 0 }, users: [] }),
    },
    {
      title: 'by id',
      foreignIn: { 'body.userId': 200 },
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId, member }) => ({
        as: robot(machine),
        orgId,
        query: { pageSize: '100' },
        body: { userId: member.userId },
      }),
      answers: ({ member }) => ({ metadata: { total: 1 }, users: [{ id: member.userId }] }),
    },
    {
      title: 'for nothing in particular',
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({ as: robot(machine), orgId, query: { pageSize: '1' }, body: {} }),
      answers: ({ owner }) => ({ users: [{ id: owner.userId }] }),
    },
  ],
};
