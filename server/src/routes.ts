import { apiKeyRoutes } from './api-keys/api-keys.routes.ts';
import { myApiKeyRoutes } from './api-keys/my-api-keys.routes.ts';
import { appMetadataRoutes } from './apps/app-metadata.routes.ts';
import { appRoutes } from './apps/apps.routes.ts';
import { settingsRoutes } from './apps/settings.routes.ts';
import { brandingRoutes } from './branding/branding.routes.ts';
import { logoRoutes } from './branding/logo.routes.ts';
import { organizationBrandingRoutes } from './branding/organization-branding.routes.ts';
import { auditRoutes } from './audit/audit.routes.ts';
import { mailboxRoutes } from './email/mailbox.routes.ts';
import type { Route } from './calls/route.ts';
import { identityRoutes } from './identity-providers/identities.routes.ts';
import { identityProviderRoutes } from './identity-providers/identity-providers.routes.ts';
import { accessTokenRoutes } from './tokens/access-tokens.routes.ts';
import { introspectionRoutes } from './tokens/introspection.routes.ts';
import { intentPageRoutes } from './federation/intent-pages.routes.ts';
import { intentRoutes } from './federation/intents.routes.ts';
import { validateIntentRoutes } from './federation/validate-intent.routes.ts';
import { invitationRoutes } from './invitations/invitations.routes.ts';
import { manageInvitationRoutes } from './invitations/manage-invitations.routes.ts';
import { machineUserRoutes } from './machine-users/machine-users.routes.ts';
import { organizationMachineSecretRoutes } from './organization-machine-users/organization-machine-secrets.routes.ts';
import { organizationMachineUserRoutes } from './organization-machine-users/organization-machine-users.routes.ts';
import { tokenRoutes } from './tokens/tokens.routes.ts';
import { membershipRoutes } from './members/memberships.routes.ts';
import { leaveOrganizationRoutes } from './members/leave-organization.routes.ts';
import { managerRoutes } from './members/managers.routes.ts';
import { memberChangeRoutes } from './members/member-changes.routes.ts';
import { memberRoutes } from './members/members.routes.ts';
import { lifecycleRoutes } from './organizations/lifecycle.routes.ts';
import { notMeRoutes } from './not-me/not-me.routes.ts';
import { organizationUserRoutes } from './members/organization-users.routes.ts';
import { createOrganizationRoutes } from './organizations/create-organization.routes.ts';
import { organizationRoutes } from './organizations/organizations.routes.ts';
import { securityRoutes } from './organizations/security.routes.ts';
import { scriptRoute } from './pages/script.ts';
import { previewRoutes } from './sign-in-pages/preview.routes.ts';
import { signInPages } from './sign-in-pages/sign-in-pages.routes.ts';
import { accountPages } from './account-pages/account-pages.routes.ts';
import { organizationPages } from './organization-pages/organization-pages.routes.ts';
import { docsRoutes } from './platform/docs.routes.ts';
import { documentationRoutes } from './platform/documentation.routes.ts';
import { errorPageRoutes } from './platform/error-pages.routes.ts';
import { healthRoutes } from './platform/health.routes.ts';
import { reauthenticationRoutes } from './reauthentication/reauthentication.routes.ts';
import { permissionRoutes } from './roles/permissions.routes.ts';
import { predefinedRoleRoutes } from './roles/predefined-roles.routes.ts';
import { roleRoutes } from './roles/roles.routes.ts';
import { sessionRoutes } from './sessions/sessions.routes.ts';
import { factorRoutes } from './factors/factors.routes.ts';
import { passkeyRoutes } from './factors/passkey.routes.ts';
import { resetFactorsRoutes } from './factors/reset-factors.routes.ts';
import { mfaRoutes } from './sign-in/mfa.routes.ts';
import { exchangeRoutes } from './exchanges/exchanges.routes.ts';
import { passwordlessRoutes } from './passwordless/passwordless.routes.ts';
import { passkeySignInRoutes } from './sign-in/passkey.routes.ts';
import { signInRoutes } from './sign-in/sign-in.routes.ts';
import { superAdminRoutes } from './super-admins/super-admins.routes.ts';
import { accountRoutes } from './accounts/account.routes.ts';
import { appUserRoutes } from './users/app-users.routes.ts';
import { emailVerificationRoutes } from './accounts/email-verification.routes.ts';
import { passwordRoutes } from './accounts/password.routes.ts';
import { userRoutes } from './users/users.routes.ts';

/** All routes of the API. */
export const routes: readonly Route[] = [
  ...userRoutes,
  ...emailVerificationRoutes,
  ...notMeRoutes,
  ...passwordRoutes,
  ...accountRoutes,
  ...signInRoutes,
  ...passwordlessRoutes,
  ...exchangeRoutes,
  ...mfaRoutes,
  ...passkeySignInRoutes,
  ...factorRoutes,
  ...passkeyRoutes,
  ...resetFactorsRoutes,
  ...sessionRoutes,
  ...reauthenticationRoutes,
  ...invitationRoutes,
  ...tokenRoutes,
  ...accessTokenRoutes,
  ...myApiKeyRoutes,
  ...introspectionRoutes,
  ...organizationRoutes,
  ...createOrganizationRoutes,
  ...securityRoutes,
  ...lifecycleRoutes,
  ...memberRoutes,
  ...memberChangeRoutes,
  ...managerRoutes,
  ...manageInvitationRoutes,
  ...organizationUserRoutes,
  ...leaveOrganizationRoutes,
  ...membershipRoutes,
  ...roleRoutes,
  ...predefinedRoleRoutes,
  ...permissionRoutes,
  ...appUserRoutes,
  ...superAdminRoutes,
  ...machineUserRoutes,
  ...apiKeyRoutes,
  ...organizationMachineUserRoutes,
  ...organizationMachineSecretRoutes,
  ...auditRoutes,
  ...appMetadataRoutes,
  ...intentRoutes,
  ...validateIntentRoutes,
  ...intentPageRoutes,
  ...identityRoutes,
  ...identityProviderRoutes,
  ...settingsRoutes,
  ...brandingRoutes,
  ...organizationBrandingRoutes,
  ...previewRoutes,
  ...logoRoutes,
  ...appRoutes,
  scriptRoute,
  ...signInPages,
  ...accountPages,
  ...organizationPages,
  ...mailboxRoutes,
  ...healthRoutes,
  ...docsRoutes(() => routes),
  ...documentationRoutes,
  ...errorPageRoutes(() => routes),
];
