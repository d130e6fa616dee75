import { continuePage } from './continue.page.ts';
import { invitationPage } from './invitation.page.ts';
import { notMePage } from './not-me.page.ts';
import { passwordResetPages } from './password-reset.page.ts';
import { providerPage } from './provider.page.ts';
import { signInPage } from './sign-in.page.ts';
import { signOutPages } from './sign-out.page.ts';
import { signUpPage } from './sign-up.page.ts';
import { verificationPage } from './verification.page.ts';

/** The pages that start or end a session. */
export const signInPages = [
  ...continuePage,
  ...invitationPage,
  notMePage,
  ...passwordResetPages,
  ...providerPage,
  ...signInPage,
  ...signOutPages,
  ...signUpPage,
  ...verificationPage,
];
