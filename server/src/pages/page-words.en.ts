/** The texts of the pages in English. */
export const englishPages = {
  // Names of fields.
  email: 'Email address',
  password: 'Password',
  newPassword: 'New password',
  currentPassword: 'Current password',
  firstName: 'First name',
  lastName: 'Last name',
  code: 'Code',
  recoveryCode: 'Recovery code',
  passwordHint: 'At least 10 characters. It must not be a common password, and must not contain your name or address.',
  codeHint: 'The code is in the mail. You can also open the link in the mail.',
  totpHint: 'The six digits that your authenticator app shows.',
  recoveryHint: 'One of the recovery codes that you stored. Each works once.',

  // Sign-in.
  signIn: 'Sign in',
  signInLead: 'Sign in to {{brandName}}',
  continue: 'Continue',
  signedInAs: 'You are signed in as {{email}}.',
  otherAccount: 'Use another account',
  changeEmail: 'Change',
  forgotPassword: 'Forgot password?',
  sendCode: 'Send a code by mail',
  codeSent: 'If there is an account with {{email}}, a mail with a code is on its way.',
  noAccount: 'No account yet?',
  hasAccount: 'Already have an account?',
  noMethod: 'This product does not offer a sign-in on this page.',
  signInWithLink: 'Sign in as {{email}}',
  linkElsewhere:
    'The link works only in the browser that requested the mail. In another browser, enter the code of the mail there.',

  // Second factor.
  secondFactor: 'Confirm that it is you',
  secondFactorLead: 'Your account has a second factor.',
  verify: 'Verify',
  useRecoveryCode: 'Use a recovery code',
  useAuthenticator: 'Use the authenticator app',
  passkeyOnly: 'Your second factor is a passkey. Use a recovery code here.',

  // Sign-up.
  signUp: 'Create an account',
  signUpLead: 'Create your account at {{brandName}}',
  createAccount: 'Create account',

  // Verification.
  verifyTitle: 'Verify your address',
  verifyLead: 'We sent a mail with a code to {{email}}.',
  verifyLinkLead: 'Press the button to verify your address.',
  resend: 'Send the mail again',
  resent: 'The mail is on its way.',
  later: 'Later',
  verified: 'Your address is verified.',
  verifiedElsewhere: 'Your address is verified. Sign in to use your account.',

  // Password reset.
  forgotTitle: 'Reset your password',
  forgotLead: 'We send a code to your address.',
  sendMail: 'Send the mail',
  resetTitle: 'Choose a new password',
  resetSent: 'If there is an account with {{email}}, a mail with a code is on its way.',
  setPassword: 'Set password',
  passwordChanged: 'Your password is changed. Sign in with it.',

  // Invitation.
  invitationTitle: 'Accept your invitation',
  invitationLead: 'You were invited to {{brandName}} as {{email}}. Choose a password to accept.',
  invitationMineLead: 'You were invited to {{brandName}} as {{email}}.',
  invitationOther:
    'You are signed in as {{email}}. The invitation is for {{invited}}. Accepting it signs you in as {{invited}}.',
  accept: 'Accept invitation',
  accepted: 'The invitation is accepted.',

  // Account.
  account: 'Your account',
  profile: 'Profile',
  save: 'Save',
  saved: 'Saved.',
  unverified: 'Not verified',
  verifiedMark: 'Verified',
  verifyNow: 'Verify now',
  security: 'Password',
  changePassword: 'Change password',
  passwordSaved: 'Your password is changed. Your other sessions have ended.',
  sessions: 'Sessions',
  thisSession: 'This session',
  lastSeen: 'Last used {{time}}',
  endSession: 'End session',
  endOthers: 'End all other sessions',
  sessionEnded: 'The session has ended.',
  othersEnded: 'All other sessions have ended.',
  organizations: 'Organizations',
  noOrganizations: 'You are in no organization yet.',
  noRoles: 'No roles',
  owner: 'Owner',
  manager: 'Manager',
  signOut: 'Sign out',
  signedOutTitle: 'Signed out',
  signedOut: 'You are signed out of {{brandName}}.',
  signInAgain: 'Sign in again',

  // The way back to the product.
  backTitle: 'One moment',
  backLead: 'You are on the way to {{target}}.',

  // Refusals.
  problemTitle: 'This did not work',
  problemUnknown: 'Something went wrong on our side. Please try again later. Reference: {{requestId}}',
  problemNotFound: 'There is no such page.',
  problemReturn: 'The address to return to is not allowed. Go back to the product and start again.',
  problemOrigin: 'The form was sent by another site. Open the page again.',
  problemAppInactive: 'This product is currently not available.',
  problemBusy: 'The service is busy. Please try again in a moment.',
  expired: 'The page was open for too long, or cookies are off. Please send it again.',
  checkFields: 'Please check the marked fields.',
  checkField: 'Please check this field.',
  invalidEmail: 'Enter a complete email address.',
  invalidCredentials: 'The address or the password is wrong.',
  userInactive: 'This account is deactivated.',
  tooManyAttempts: 'Too many attempts. Please wait a while, or reset your password.',
  rateLimited: 'Too many requests. Please wait a while.',
  methodDisabled: 'This way to sign in is turned off.',
  emailTaken: 'There is an account with this address. Sign in, or reset the password.',
  weakPassword: 'Choose a password that is harder to guess.',
  invalidCode: 'The code is wrong or expired. Request a new one.',
  invalidFactor: 'The code is wrong or was already used.',
  signInExpired: 'The sign-in took too long. Start again.',
  signUpDisabled: 'New accounts cannot be created here.',
  alreadyVerified: 'The address is already verified.',
  wrongPassword: 'The current password is wrong.',
  confirmAgain: 'Sign out and sign in again to do this.',
};

/** The texts of all pages in one language. `{{name}}` stands for a value. */
export type PageTexts = { readonly [Name in keyof typeof englishPages]: string };
export type TextName = keyof PageTexts;
