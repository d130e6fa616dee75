import { predefinedRole } from './roles.ts';
import { human, robot, type SampleCall, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';

const managers: SampleCall['admits'] = ['manager', 'owner', 'superAdmin', 'machine'];

/** Criteria of a search. */
type Conditions = Readonly<Partial<Record<'name' | 'role' | 'userId', string>>>;

/** A predefined role that our owner has here, and our member only in another organization. */
async function roleHeldNextDoor({ world, orgId, neighbourOrgId, owner, member }: Stage): Promise<string> {
  const role = `global:${await predefinedRole(world)}`;
  await addTo({ world, orgId }, owner.userId, role);
  await addTo({ world, orgId: neighbourOrgId }, member.userId, role);
  return role;
}

const ownerOnly = ({ owner }: Stage) => [owner];
const memberOnly = ({ member }: Stage) => [member];

/**
 * A machine user's search for members of our organization, and the expected result. Ids of another organization do not
 * appear.
 */
function searching(
  title: string,
  choose: (stage: Stage) => Conditions | Promise<Conditions>,
  finds: (stage: Stage) => readonly { userId: string }[],
): SampleCall {
  return {
    title,
    admits: managers,
    isNoOp: true,
    foreignIn: { 'body.userId': 200 },
    prepare: async (stage) => ({
      as: robot(stage.machine),
      orgId: stage.orgId,
      query: { pageSize: '100' },
      body: await choose(stage),
    }),
    answers: (stage) => {
      const users = finds(stage).map(({ userId: id }) => ({ id }));
      return { metadata: { total: users.length }, users };
    },
  };
}

/** Sample calls of the lists of an organization's users. */
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
    searching('by the beginning of a word', ({ owner }) => ({ name: 'do', userId: owner.userId }), ownerOnly),
    searching('by role', () => ({ role: 'reader' }), memberOnly),
    searching('by name and role', () => ({ name: 'doe', role: 'reader' }), memberOnly),
    searching('by id and role', ({ member }) => ({ userId: member.userId, role: 'reader' }), memberOnly),
    searching(
      'by a predefined role that others hold next door',
      async (stage) => ({ role: await roleHeldNextDoor(stage) }),
      ownerOnly,
    ),
    searching(
      'by id and a predefined role held next door',
      async (stage) => ({ userId: stage.member.userId, role: await roleHeldNextDoor(stage) }),
      () => [],
    ),
    searching('by id', ({ member }) => ({ userId: member.userId }), memberOnly),
    {
      title: 'for nothing in particular',
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({ as: robot(machine), orgId, query: { pageSize: '1' }, body: {} }),
      answers: ({ owner }) => ({ users: [{ id: owner.userId }] }),
    },
  ],
};
