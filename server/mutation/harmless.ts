/** A guard without which the generated tests notice nothing, and what else stands in the way. */
export interface Harmless {
  /** Path below the server's folder. */
  readonly file: string;
  readonly guard: string;
  /** Code of the declaration around the guard, or just before it, that tells it from others that read the same. */
  readonly context: string;
  readonly reason: string;
}

const appPredicate = { guard: 'app_id = ${appId}' } as const;

export const harmless: readonly Harmless[] = [
  {
    ...appPredicate,
    file: 'src/codes/codes.store.ts',
    context: 'SELECT id FROM codes\n      WHERE',
    reason: 'the DELETE around it asks for the app, and the id of a user is never given twice',
  },
  {
    file: 'src/codes/codes.store.ts',
    guard: 'org_id IS NOT DISTINCT FROM ${scope.orgId ?? null}::bigint',
    context: 'export async function countTry',
    reason: 'the hash of a code is bound to its organization: only counters of the same person’s codes are raised',
  },
  {
    ...appPredicate,
    file: 'src/codes/codes.store.ts',
    context: 'async function lockCodesOf',
    reason: 'it only locks: the DELETE that follows asks for the app',
  },
  {
    guard: 'user_id = ${userId}',
    file: 'src/codes/codes.store.ts',
    context: 'async function lockCodesOf',
    reason: 'it only locks: the DELETE that follows asks for the code',
  },
  {
    guard: 'user_id = ${userId}',
    file: 'src/codes/codes.store.ts',
    context: 'export async function consumeCode',
    reason: 'the id of the code comes from among the codes of the same user',
  },
  {
    ...appPredicate,
    file: 'src/codes/live-code.ts',
    context: 'async function listLiveCodes',
    reason: 'no call reaches it; the hash of a code is bound to its app',
  },
  {
    guard: 'user_id = ${userId}',
    file: 'src/codes/live-code.ts',
    context: 'async function listLiveCodes',
    reason: 'no call reaches it; the hash of a code is bound to its user',
  },
  {
    file: 'src/invitations/invitations.store.ts',
    guard: 'i.user_id = ${userId}',
    context: 'export async function acceptInvitations',
    reason: 'the invitation also has to be to the address of the user, which is unique in the app',
  },
  {
    file: 'src/machine-users/machine-users.store.ts',
    guard: 's.machine_user_id = machine.id',
    context: 'used AS (',
    reason: 'the id of a secret is never given twice',
  },
  {
    ...appPredicate,
    file: 'src/idempotency/idempotency.store.ts',
    context: 'export async function findKeptAnswer',
    reason: 'the hash of a key is one of the app too',
  },
  {
    guard: 'm.app_id = ${appId}',
    file: 'src/audit/events.store.ts',
    context: 'export async function membersAmong',
    reason: 'the ids of a user and of an organization are never given twice',
  },
  {
    ...appPredicate,
    file: 'src/audit/events.store.ts',
    context: 'export async function deleteEventsBefore',
    reason: 'no call reaches it; sweep-events.test.ts asks whether events of another app stay',
  },
  {
    guard: 'e.app_id = ${appId}',
    file: 'src/audit/events.store.ts',
    context: 'export async function deleteEventsBefore',
    reason: 'no call reaches it; the id of an event is never given twice',
  },
  {
    ...appPredicate,
    file: 'src/http/access.ts',
    context: 'async function heldOverSession',
    reason: 'the DELETE that ends the session asks for the app again',
  },
];
