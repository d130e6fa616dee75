import { z } from 'zod';
import { constantTimeEqual } from '../keys/secrets.ts';
import { browserSecret } from './interaction.ts';
import type { Values } from './layout.ts';
import type { PageCall } from './page-call.ts';

const summary = z.looseObject({ id: z.string(), name: z.string(), status: z.string() });

/** An organization in a list. */
export type Summary = z.output<typeof summary>;

const organizationList = z.looseObject({
  metadata: z.looseObject({ nextCursor: z.string().optional() }),
  organizations: z.array(summary),
});

const self = z.looseObject({ isSuperAdmin: z.boolean(), organizations: z.array(summary) });

/** A page of organizations, and the cursor of the next page. */
export interface Summaries {
  readonly organizations: readonly Summary[];
  readonly nextCursor?: string | undefined;
}

/**
 * The organizations of the person. Those of super admins are not paged, because the list of the API shows super admins
 * all organizations of the app.
 *
 * @returns undefined if the API refuses; the page then has the problem
 */
export async function ownOrganizations(page: PageCall, cursor?: string): Promise<Summaries | undefined> {
  const me = await page.api('GET', 'authentication/users/me', { query: { includeOrganizations: 'true' } });
  if (!me.ok) {
    page.problem = me.problem;
    return undefined;
  }
  const { isSuperAdmin, organizations } = self.parse(me.body);
  return isSuperAdmin ? { organizations } : listOrganizations(page, cursor);
}

/** A page of the organizations that the person can see. @returns undefined if the API refuses */
export async function listOrganizations(page: PageCall, cursor?: string): Promise<Summaries | undefined> {
  const query = { pageSize: '50', ...(cursor !== undefined && { cursor }) };
  const answer = await page.api('GET', 'authorization/organizations', { query });
  if (!answer.ok) {
    page.problem = answer.problem;
    return undefined;
  }
  const { organizations, metadata } = organizationList.parse(answer.body);
  return { organizations, nextCursor: metadata.nextCursor };
}

/** The choice to continue without an organization. */
export const withoutOrganization = 'none';

/** Whether the person is in an active organization. */
export async function isOwnOrganization(page: PageCall, id: string): Promise<boolean> {
  const answer = await page.api('GET', 'authentication/users/me', { query: { organizationId: id } });
  return answer.ok && self.parse(answer.body).organizations.some(({ status }) => status === 'Active');
}

const proofOf = ({ call, app }: PageCall, id: string): string | undefined =>
  browserSecret(call, app.name, `organization ${id}`);

/**
 * The query that carries a choice to the next page. It is bound to this browser: a link of somebody else cannot choose
 * an organization for the person.
 */
export const choiceOf = (page: PageCall, id: string): Values => ({ chosen: id, choice: proofOf(page, id) ?? '' });

/** The organization that was chosen in this browser; undefined if none was chosen. */
export function chosenOf(page: PageCall): string | undefined {
  const { chosen, choice } = page.form;
  if (chosen === undefined || choice === undefined) return undefined;
  const expected = proofOf(page, chosen);
  const isOwn = expected !== undefined && constantTimeEqual(Buffer.from(expected), Buffer.from(choice));
  return isOwn ? chosen : undefined;
}
