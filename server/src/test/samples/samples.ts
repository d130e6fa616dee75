import type { Route } from '../../calls/route.ts';
import { routes } from '../../routes.ts';
import { samplesOfAccounts } from './accounts.ts';
import { samplesOfApiKeys } from './api-keys.ts';
import { samplesOfFactors } from './factors.ts';
import { samplesOfAudit } from './audit.ts';
import { letManagersGrantAnyRole, samplesOfGrants } from './grants.ts';
import { samplesOfIdentityProviders } from './identity-providers.ts';
import { samplesOfAppUsers } from './app-users.ts';
import { samplesOfInvitations } from './invitations.ts';
import { samplesOfLifecycle } from './lifecycle.ts';
import { samplesOfNotMe } from './not-me.ts';
import { samplesOfOrganizations } from './organizations.ts';
import { samplesOfLists } from './lists.ts';
import { samplesOfMembers } from './members.ts';
import { samplesOfOrganizationMachines } from './organization-machines.ts';
import { samplesOfPages } from './pages.ts';
import { samplesOfPlatform } from './platform.ts';
import { samplesOfReauthentication } from './reauthentication.ts';
import { samplesOfRoles } from './roles.ts';
import type { SampleCall, SampleCalls } from './sample.ts';
import { samplesOfSessions } from './sessions.ts';
import { freshenSessions } from './stage.ts';
import { samplesOfUsers } from './users.ts';

/** The sample calls of every operation. A new route needs an entry here; all generated tests then cover it. */
export const samples: SampleCalls = {
  ...samplesOfUsers,
  ...samplesOfSessions,
  ...samplesOfAppUsers,
  ...samplesOfAccounts,
  ...samplesOfReauthentication,
  ...samplesOfApiKeys,
  ...samplesOfFactors,
  ...samplesOfAudit,
  ...samplesOfNotMe,
  ...samplesOfOrganizations,
  ...samplesOfLifecycle,
  ...samplesOfRoles,
  ...samplesOfLists,
  ...samplesOfMembers,
  ...samplesOfIdentityProviders,
  ...samplesOfInvitations,
  ...samplesOfPages,
  ...samplesOfPlatform,
  ...samplesOfOrganizationMachines,
};

/** A route and one of its sample calls. */
export interface Case {
  readonly name: string;
  readonly route: Route;
  readonly sample: SampleCall;
}

/**
 * A sample may change settings of the app and move the clock. Both are restored for the next one, with fresh sessions.
 */
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

/** Every route with every sample call. */
export const cases: readonly Case[] = routes.flatMap(casesOf);
