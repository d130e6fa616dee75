import { invitationsPage } from './invitations.page.ts';
import { leaveOrganizationPage } from './leave-organization.page.ts';
import { memberPage } from './member.page.ts';
import { membersPage } from './members.page.ts';
import { newOrganizationPage } from './new-organization.page.ts';
import { organizationsPage } from './organizations.page.ts';

/** The pages for the person's organizations, and for members and invitations of organizations that they manage. */
export const organizationPages = [
  ...invitationsPage,
  ...leaveOrganizationPage,
  ...memberPage,
  ...membersPage,
  ...newOrganizationPage,
  ...organizationsPage,
];
