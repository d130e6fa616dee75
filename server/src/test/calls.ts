import type { Route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { samplesOfAccounts } from './calls.account.ts';
import { samplesOfAudit } from './calls.audit.ts';
import { letManagersGrantAnyRole, samplesOfGrants } from './calls.grants.ts';
import { samplesOfIdentityProviders } from './calls.identity-providers.ts';
import { samplesOfAppUsers } from './calls.app-users.ts';
import { samplesOfInvitations } from './calls.invitations.ts';
import { samplesOfLifecycle } from './calls.lifecycle.ts';
import { samplesOfNotMe } from './calls.not-me.ts';
import { samplesOfOrganizations } from './calls.organizations.ts';
import { samplesOfLists } from './calls.lists.ts';
import { samplesOfMembers } from './calls.members.ts';
import { samplesOfPlatform } from './calls.platform.ts';
import { samplesOfReauthentication } from './calls.reauthentication.ts';
import { samplesOfRoles } from './calls.roles.ts';
import type { SampleCall, SampleCalls } from './calls.sample.ts';
import { freshenSessions } from './calls.stage.ts';
import { samplesOfUsers } from './calls.users.ts';

/** How to call every operation. A new route needs an entry here, and is then tested like all the others. */
export const samples: SampleCalls = {
  ...samplesOfUsers,
  ...samplesOfAppUsers,
  ...samplesOfAccounts,
  ...samplesOfReauthentication,
  ...samplesOfAudit,
  ...samplesOfNotMe,
  ...samplesOfOrganizations,
  ...samplesOfLifecycle,
  ...samplesOfRoles,
  ...samplesOfLists,
  ...samplesOfMembers,
  ...samplesOfIdentityProviders,
  ...samplesOfInvitations,
  ...samplesOfPlatform,
};

/** A route and one way to call it. */
export interface Case {
  readonly name: string;
  readonly route: Route;
  readonly sample: SampleCall;
}

/** A sample may make the app stricter and move the clock; the next one finds the app as it was, and fresh sessions. */
const prepared = (sample: SampleCall): SampleCall => ({
  ...sample,
  prepare: async (stage) => {
    await letManagersGrantAnyRole(stage);
    await freshenSessions(stage.world.test);
    return sample.prepare(stage);
  },
});

const casesOf = (route: Route): Case[] =>
  [...(samples[route.operationId] ?? []), ...(samplesOfGrants[route.operationId] ?? [])].map((sample) => ({
    name: sample.title === undefined ? route.operationId : `${route.operationId} ${sample.title}`,
    route,
    sample: prepared(sample),
  }));

/** Every route in every way to call it. */
export const cases: readonly Case[] = routes.flatMap(casesOf);
