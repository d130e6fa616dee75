import type { z } from 'zod';
import { type List, readPage } from '../calls/pagination.ts';
import type { Call } from '../calls/route.ts';
import { displayName } from '../search/display-name.ts';
import type { organizationUser } from './organization-users.schema.ts';
import { type OrganizationUserRow, toOrganizationUser, usersOfPage } from './organization-users.store.ts';

/** A page of the users of an organization: all of them, those found, or those who manage it. */
export async function readUsers<Row extends OrganizationUserRow>(
  call: Call,
  list: Pick<List<Row, unknown>, 'paging' | 'filters' | 'total' | 'totalTravels' | 'key'> & {
    members: List<Row, unknown>['rows'];
  },
) {
  const { appId, orgId } = call;
  const { metadata, items } = await readPage<Row, z.input<typeof organizationUser>>(call, {
    ...list,
    rows: (continuation) => usersOfPage(appId, orgId, list.members(continuation)),
    toItem: (row) => {
      const user = toOrganizationUser(row);
      return { ...user, displayName: displayName(user) };
    },
  });
  return { metadata, users: items };
}
