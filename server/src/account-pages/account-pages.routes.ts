import { accountPage } from './account.page.ts';
import { secondFactorsPage } from './second-factors.page.ts';

/** The pages of the own account. */
export const accountPages = [...accountPage, ...secondFactorsPage];
