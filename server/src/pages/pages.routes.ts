import { accountPage } from './account.page.ts';
import { continuePage } from './continue.page.ts';
import { invitationPage } from './invitation.page.ts';
import { passwordResetPages } from './password-reset.page.ts';
import { providerPage } from './provider.page.ts';
import { secondFactorsPage } from './second-factors.page.ts';
import { signInPage } from './sign-in.page.ts';
import { signOutPages } from './sign-out.page.ts';
import { signUpPage } from './sign-up.page.ts';
import { verificationPage } from './verification.page.ts';

/** The pages of every app. */
export const pagesRoutes = [
  ...signInPage,
  ...signUpPage,
  ...verificationPage,
  ...passwordResetPages,
  ...invitationPage,
  ...providerPage,
  ...accountPage,
  ...signOutPages,
  ...continuePage,
  ...secondFactorsPage,
];
