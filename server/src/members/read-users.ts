import { type List, readPage } from '../lists/pagination.ts';
import type { Call } from '../calls/route.ts';
import { displayName } from '../search/display-name.ts';
import { toManagerRoles } from './members.store.ts';
import { type OrganizationUserRow, usersOfPage } from './organization-users.store.ts';

/** One object per row, because a page has many. */
function toItem(row: OrganizationUserRow) {
  const { first_name: firstName, last_name: lastName } = row;
  return {
    id: row.user_id,
    email: row.email,
    firstName,
    lastName,
    displayName: displayName({ firstName, lastName }),
    // Keys of roles are ASCII.
    roles: row.roles.toSorted(),
    managerRoles: toManagerRoles(row),
  };
}

/** A page of the users of an organization: all, those found by a search, or its owners and managers. */
export async function readUsers(
  call: Call,
  list: Pick<
    List<OrganizationUserRow, unknown>,
    'paging' | 'filters' | 'common' | 'total' | 'totalTravels' | 'key' | 'index'
  > & { members: List<OrganizationUserRow, unknown>['rows'] },
) {
  const { appId, orgId } = call;
  const { metadata, items } = await readPage(call, {
    ...list,
    rows: (continuation) => usersOfPage(appId, orgId, list.members(continuation)),
    toItem,
  });
  return { metadata, users: items };
}
