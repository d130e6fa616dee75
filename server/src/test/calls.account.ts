import { human, type Prepared, type SampleCalls } from './calls.sample.ts';
import { addTo, type Stage } from './calls.stage.ts';
import { freshMember } from './calls.users.ts';
import type { Person } from './world.ts';

/** Makes somebody manager or owner of the organization, as the super admin may. */
async function grant({ world, orgId }: Stage, noun: 'managers' | 'owners', { email }: Person): Promise<void> {
  const url = `/v1/authorization/organizations/${orgId}/${noun}`;
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const response = await world.call('POST', url, { token: world.admin.token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
}

/** Everybody is where they belong, also who left when they called before; a second owner lets the first one go. */
async function gather(stage: Stage): Promise<Person> {
  const { world, owner, manager, member } = stage;
  await grant(stage, 'owners', owner);
  await grant(stage, 'managers', manager);
  await addTo(stage, member.userId, 'reader');
  await addTo(stage, world.admin.userId, 'reader');
  const secondOwner = await world.person();
  await grant(stage, 'owners', secondOwner);
  return secondOwner;
}

const leaving = (who: (stage: Stage) => Promise<Person>) => {
  return async (stage: Stage): Promise<Prepared> => {
    const person = await who(stage);
    return { as: human(person), addressed: human(person), params: { orgId: stage.orgId } };
  };
};

/** How to call what people do with their own account. */
export const samplesOfAccounts: SampleCalls = {
  leaveOrganization: [
    {
      admits: ['addressed', 'member', 'manager', 'owner', 'superAdmin'],
      target: ['user', 'userId'],
      prepare: leaving(async (stage) => {
        await gather(stage);
        return freshMember(stage);
      }),
    },
    {
      title: 'as an owner beside another',
      admits: ['addressed', 'member', 'manager', 'owner', 'superAdmin'],
      target: ['user', 'userId'],
      prepare: leaving(gather),
    },
  ],
};
