import { accountPage } from './account.page.ts';
import { apiKeysPage } from './api-keys.page.ts';
import { dataPage } from './data.page.ts';
import { emailChangePage } from './email-change.page.ts';
import { identitiesPage, linkPage } from './identities.page.ts';
import { secondFactorsPage } from './second-factors.page.ts';

/** The pages of the signed-in person's account. */
export const accountPages = [
  ...accountPage,
  ...apiKeysPage,
  ...dataPage,
  ...emailChangePage,
  ...identitiesPage,
  ...linkPage,
  ...secondFactorsPage,
];
