import type { Queryable } from '../db/db.ts';
import { displayName } from '../search/display-name.ts';
import {
  exportApiKeys,
  exportDevices,
  exportedItems,
  exportEvents,
  exportFactors,
  exportIdentities,
  exportInvitations,
  exportMachineSecrets,
  exportMails,
  exportOrganizations,
  exportSessions,
  readProfile,
} from './account-export.store.ts';

/**
 * Collects all data about a user. New tables with data about people must be added here.
 *
 * @throws ApiError `user_not_found`
 */
export async function exportAccount(db: Queryable, appId: string, userId: string, now: Date) {
  const profile = await readProfile(db, appId, userId);
  const lists = {
    sessions: await exportSessions(db, appId, userId, now),
    devices: await exportDevices(db, appId, userId),
    organizations: await exportOrganizations(db, appId, userId),
    invitations: await exportInvitations(db, appId, userId),
    identities: await exportIdentities(db, appId, userId),
    factors: await exportFactors(db, appId, userId),
    apiKeys: await exportApiKeys(db, appId, userId),
    machineSecrets: await exportMachineSecrets(db, appId, userId),
    mails: await exportMails(db, appId, userId),
    events: await exportEvents(db, appId, userId),
  };
  return {
    exportedAt: now.toISOString(),
    user: { ...profile, displayName: displayName(profile) },
    sessions: lists.sessions.slice(0, exportedItems),
    devices: lists.devices.slice(0, exportedItems),
    organizations: lists.organizations.slice(0, exportedItems),
    invitations: lists.invitations.slice(0, exportedItems),
    identities: lists.identities.slice(0, exportedItems),
    factors: lists.factors.slice(0, exportedItems),
    apiKeys: lists.apiKeys.slice(0, exportedItems),
    machineSecrets: lists.machineSecrets.slice(0, exportedItems),
    mails: lists.mails.slice(0, exportedItems),
    events: lists.events.slice(0, exportedItems),
    truncated: Object.entries(lists).flatMap(([name, items]) => (items.length > exportedItems ? [name] : [])),
  };
}
