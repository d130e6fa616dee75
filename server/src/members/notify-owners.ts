import { findApp } from '../apps/apps.store.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import type { MailContent, MailPurpose } from '../mail-texts/mail-purposes.ts';
import type { OrganizationSecurity } from '../organizations/security.schema.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import { listOwners, type Owner } from './owners.store.ts';

/** The content of a notice about an organization. */
export type NoticeContent = MailContent & { readonly orgId: string };

/**
 * Queues a notice about an organization to its owners. These notices have a mail quota for each organization.
 * Otherwise, an owner could cause so many notices that another owner gets notices about their own account, or about
 * another organization, too late.
 */
export async function notifyOwners(
  tx: Tx,
  { services, appId }: Pick<Call, 'services' | 'appId'>,
  owners: readonly Owner[],
  purpose: MailPurpose,
  contentFor: (owner: Owner) => NoticeContent,
): Promise<void> {
  const app = await findApp(tx, appId);
  if (!app) throw new Error('the app of the call does not exist');
  for (const owner of owners) {
    const content = contentFor(owner);
    const mail = { userId: owner.id, recipient: owner.email, purpose, content, orgId: content.orgId };
    await queueNotice(tx, services, app, mail);
  }
}

/** A change of the security policy of an organization. */
export interface PolicyUpdate {
  readonly organizationName: string;
  readonly before: OrganizationSecurity;
  readonly after: OrganizationSecurity;
  readonly changes: readonly (keyof OrganizationSecurity)[];
}

/**
 * Notifies all owners of a changed security policy, because a weaker policy exposes all members. The mail to the caller
 * has a "not me" link. The address of a super admin is not shown to owners of an organization.
 */
export async function notifyPolicyUpdate(tx: Tx, call: Call, update: PolicyUpdate): Promise<void> {
  const { actor, appId, orgId, services } = call;
  const owners = await listOwners(tx, appId, orgId);
  const caller = actor.kind === 'user' ? owners.find(({ id }) => id === actor.user.id) : undefined;
  const { organizationName, before, after, changes } = update;
  const content = {
    orgId,
    organizationName,
    changedBy: caller?.email ?? '',
    time: services.clock.now().toISOString(),
    policyChanges: changes.map((field) => ({ field, before: before[field], after: after[field] })),
  };
  await notifyOwners(tx, call, owners, 'organization_security_changed', (owner) => ({
    ...content,
    ...(owner === caller && { notMeUrl: notMeUrl(call, owner, { kind: 'security_policy' }) }),
  }));
}
