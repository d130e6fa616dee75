// Generated from docs/openapi.json.
import type {
  SignUpData,
  SignUpResponses,
  GetMeData,
  GetMeResponses,
  DeleteMeData,
  DeleteMeResponses,
  GetUserData,
  GetUserResponses,
  UpdateUserData,
  UpdateUserResponses,
  RequestEmailVerificationData,
  RequestEmailVerificationResponses,
  VerifyEmailData,
  VerifyEmailResponses,
  RejectEmailVerificationData,
  RejectEmailVerificationResponses,
  RequestPasswordResetData,
  RequestPasswordResetResponses,
  ResetPasswordData,
  ResetPasswordResponses,
  ChangePasswordData,
  ChangePasswordResponses,
  RequestEmailChangeData,
  RequestEmailChangeResponses,
  ChangeEmailData,
  ChangeEmailResponses,
  ExportMeData,
  ExportMeResponses,
  SignInData,
  SignInResponses,
  RequestSignInCodeData,
  RequestSignInCodeResponses,
  CreateExchangeCodeData,
  CreateExchangeCodeResponses,
  ExchangeSessionData,
  ExchangeSessionResponses,
  SendSecondFactorCodeData,
  SendSecondFactorCodeResponses,
  FinishSignInData,
  FinishSignInResponses,
  CreatePasskeyOptionsData,
  CreatePasskeyOptionsResponses,
  SignInWithPasskeyData,
  SignInWithPasskeyResponses,
  CreateSecondFactorPasskeyOptionsData,
  CreateSecondFactorPasskeyOptionsResponses,
  ListMyFactorsData,
  ListMyFactorsResponses,
  AddMyTotpFactorData,
  AddMyTotpFactorResponses,
  ConfirmMyFactorData,
  ConfirmMyFactorResponses,
  UpdateMyFactorData,
  UpdateMyFactorResponses,
  RemoveMyFactorData,
  RemoveMyFactorResponses,
  CreateMyRecoveryCodesData,
  CreateMyRecoveryCodesResponses,
  CreateMyPasskeyOptionsData,
  CreateMyPasskeyOptionsResponses,
  AddMyPasskeyData,
  AddMyPasskeyResponses,
  CreateReauthenticationPasskeyOptionsData,
  CreateReauthenticationPasskeyOptionsResponses,
  ResetUserFactorsData,
  ResetUserFactorsResponses,
  SignOutData,
  SignOutResponses,
  ListMySessionsData,
  ListMySessionsResponses,
  EndMySessionsData,
  EndMySessionsResponses,
  ListUserSessionsData,
  ListUserSessionsResponses,
  EndUserSessionsData,
  EndUserSessionsResponses,
  RequestReauthenticationData,
  RequestReauthenticationResponses,
  ReauthenticateData,
  ReauthenticateResponses,
  AcceptInvitationData,
  AcceptInvitationResponses,
  AcceptInvitationByPostData,
  AcceptInvitationByPostResponses,
  AcceptMyInvitationData,
  AcceptMyInvitationResponses,
  RequestMachineTokenData,
  RequestMachineTokenResponses,
  GetJwksData,
  GetJwksResponses,
  GetAppJwksData,
  GetAppJwksResponses,
  CreateAccessTokenData,
  CreateAccessTokenResponses,
  GetOauthJwksData,
  GetOauthJwksResponses,
  CreateMyApiKeyData,
  CreateMyApiKeyResponses,
  ListMyApiKeysData,
  ListMyApiKeysResponses,
  UpdateMyApiKeyData,
  UpdateMyApiKeyResponses,
  RevokeMyApiKeyData,
  RevokeMyApiKeyResponses,
  IntrospectTokenData,
  IntrospectTokenResponses,
  SetupOrganizationData,
  SetupOrganizationResponses,
  ListOrganizationsData,
  ListOrganizationsResponses,
  CreateOrganizationData,
  CreateOrganizationResponses,
  GetOrganizationData,
  GetOrganizationResponses,
  UpdateOrganizationData,
  UpdateOrganizationResponses,
  DeleteOrganizationData,
  DeleteOrganizationResponses,
  GetOrganizationSecurityData,
  GetOrganizationSecurityResponses,
  UpdateOrganizationSecurityData,
  UpdateOrganizationSecurityResponses,
  DeactivateOrganizationData,
  DeactivateOrganizationResponses,
  ReactivateOrganizationData,
  ReactivateOrganizationResponses,
  InviteManagerData,
  InviteManagerResponses,
  ListManagersData,
  ListManagersResponses,
  InviteOwnerData,
  InviteOwnerResponses,
  InviteMemberData,
  InviteMemberResponses,
  AddUserToOrganizationData,
  AddUserToOrganizationResponses,
  RemoveUserFromOrganizationData,
  RemoveUserFromOrganizationResponses,
  SetOrganizationUserRolesData,
  SetOrganizationUserRolesResponses,
  RemoveManagerData,
  RemoveManagerResponses,
  ListInvitationsData,
  ListInvitationsResponses,
  ResendInvitationData,
  ResendInvitationResponses,
  RevokeInvitationData,
  RevokeInvitationResponses,
  ListOrganizationUsersData,
  ListOrganizationUsersResponses,
  SearchOrganizationUsersData,
  SearchOrganizationUsersResponses,
  LeaveOrganizationData,
  LeaveOrganizationResponses,
  ListMyManagerRolesData,
  ListMyManagerRolesResponses,
  ListOrganizationsByEmailData,
  ListOrganizationsByEmailResponses,
  ListRolesData,
  ListRolesResponses,
  UpdateRolesData,
  UpdateRolesResponses,
  DeleteRoleData,
  DeleteRoleResponses,
  CreatePredefinedRolesData,
  CreatePredefinedRolesResponses,
  ListPredefinedRolesData,
  ListPredefinedRolesResponses,
  DeletePredefinedRoleData,
  DeletePredefinedRoleResponses,
  CheckPermissionsData,
  CheckPermissionsResponses,
  ListUsersData,
  ListUsersResponses,
  DeleteUserData,
  DeleteUserResponses,
  DeactivateUserData,
  DeactivateUserResponses,
  ReactivateUserData,
  ReactivateUserResponses,
  ListSuperAdminsData,
  ListSuperAdminsResponses,
  AddSuperAdminData,
  AddSuperAdminResponses,
  RemoveSuperAdminData,
  RemoveSuperAdminResponses,
  CreateMachineUserData,
  CreateMachineUserResponses,
  ListMachineUsersData,
  ListMachineUsersResponses,
  UpdateMachineUserData,
  UpdateMachineUserResponses,
  DeleteMachineUserData,
  DeleteMachineUserResponses,
  CreateMachineSecretData,
  CreateMachineSecretResponses,
  DeleteMachineSecretData,
  DeleteMachineSecretResponses,
  CreateApiKeyData,
  CreateApiKeyResponses,
  ListApiKeysData,
  ListApiKeysResponses,
  UpdateApiKeyData,
  UpdateApiKeyResponses,
  RevokeApiKeyData,
  RevokeApiKeyResponses,
  AdoptApiKeyData,
  AdoptApiKeyResponses,
  CreateOrganizationMachineUserData,
  CreateOrganizationMachineUserResponses,
  ListOrganizationMachineUsersData,
  ListOrganizationMachineUsersResponses,
  UpdateOrganizationMachineUserData,
  UpdateOrganizationMachineUserResponses,
  DeleteOrganizationMachineUserData,
  DeleteOrganizationMachineUserResponses,
  CreateOrganizationMachineSecretData,
  CreateOrganizationMachineSecretResponses,
  ConfirmOrganizationMachineSecretData,
  ConfirmOrganizationMachineSecretResponses,
  DeleteOrganizationMachineSecretData,
  DeleteOrganizationMachineSecretResponses,
  ListOrganizationAuditEventsData,
  ListOrganizationAuditEventsResponses,
  ListAuditEventsData,
  ListAuditEventsResponses,
  GetAppMetadataData,
  GetAppMetadataResponses,
  CreateIntentData,
  CreateIntentResponses,
  ValidateIntentData,
  ValidateIntentResponses,
  ListMyIdentitiesData,
  ListMyIdentitiesResponses,
  UnlinkMyIdentityData,
  UnlinkMyIdentityResponses,
  CreateGoogleIdentityProviderData,
  CreateGoogleIdentityProviderResponses,
  CreateAzureIdentityProviderData,
  CreateAzureIdentityProviderResponses,
  CreateOidcIdentityProviderData,
  CreateOidcIdentityProviderResponses,
  ListIdentityProvidersData,
  ListIdentityProvidersResponses,
  UpdateIdentityProviderData,
  UpdateIdentityProviderResponses,
  DeleteIdentityProviderData,
  DeleteIdentityProviderResponses,
  GetAppSettingsData,
  GetAppSettingsResponses,
  UpdateAppSettingsData,
  UpdateAppSettingsResponses,
  GetBrandingData,
  GetBrandingResponses,
  UpdateBrandingData,
  UpdateBrandingResponses,
  GetOrganizationBrandingData,
  GetOrganizationBrandingResponses,
  UpdateOrganizationBrandingData,
  UpdateOrganizationBrandingResponses,
  GetOrganizationLogoData,
  GetOrganizationLogoResponses,
  SetOrganizationLogoData,
  SetOrganizationLogoResponses,
  DeleteOrganizationLogoData,
  DeleteOrganizationLogoResponses,
  PreviewBrandingData,
  PreviewBrandingResponses,
  PreviewOrganizationBrandingData,
  PreviewOrganizationBrandingResponses,
  GetLogoData,
  GetLogoResponses,
  SetLogoData,
  SetLogoResponses,
  DeleteLogoData,
  DeleteLogoResponses,
  CreateAppData,
  CreateAppResponses,
  ListAppsData,
  ListAppsResponses,
  GetAppData,
  GetAppResponses,
  UpdateAppData,
  UpdateAppResponses,
  GetHealthData,
  GetHealthResponses,
  GetReadinessData,
  GetReadinessResponses,
} from './types.gen.ts';

/** The parameters and the response of each operation. */
export interface OperationTypes {
  signUp: { data: SignUpData; responses: SignUpResponses };
  getMe: { data: GetMeData; responses: GetMeResponses };
  deleteMe: { data: DeleteMeData; responses: DeleteMeResponses };
  getUser: { data: GetUserData; responses: GetUserResponses };
  updateUser: { data: UpdateUserData; responses: UpdateUserResponses };
  requestEmailVerification: { data: RequestEmailVerificationData; responses: RequestEmailVerificationResponses };
  verifyEmail: { data: VerifyEmailData; responses: VerifyEmailResponses };
  rejectEmailVerification: { data: RejectEmailVerificationData; responses: RejectEmailVerificationResponses };
  requestPasswordReset: { data: RequestPasswordResetData; responses: RequestPasswordResetResponses };
  resetPassword: { data: ResetPasswordData; responses: ResetPasswordResponses };
  changePassword: { data: ChangePasswordData; responses: ChangePasswordResponses };
  requestEmailChange: { data: RequestEmailChangeData; responses: RequestEmailChangeResponses };
  changeEmail: { data: ChangeEmailData; responses: ChangeEmailResponses };
  exportMe: { data: ExportMeData; responses: ExportMeResponses };
  signIn: { data: SignInData; responses: SignInResponses };
  requestSignInCode: { data: RequestSignInCodeData; responses: RequestSignInCodeResponses };
  createExchangeCode: { data: CreateExchangeCodeData; responses: CreateExchangeCodeResponses };
  exchangeSession: { data: ExchangeSessionData; responses: ExchangeSessionResponses };
  sendSecondFactorCode: { data: SendSecondFactorCodeData; responses: SendSecondFactorCodeResponses };
  finishSignIn: { data: FinishSignInData; responses: FinishSignInResponses };
  createPasskeyOptions: { data: CreatePasskeyOptionsData; responses: CreatePasskeyOptionsResponses };
  signInWithPasskey: { data: SignInWithPasskeyData; responses: SignInWithPasskeyResponses };
  createSecondFactorPasskeyOptions: {
    data: CreateSecondFactorPasskeyOptionsData;
    responses: CreateSecondFactorPasskeyOptionsResponses;
  };
  listMyFactors: { data: ListMyFactorsData; responses: ListMyFactorsResponses };
  addMyTotpFactor: { data: AddMyTotpFactorData; responses: AddMyTotpFactorResponses };
  confirmMyFactor: { data: ConfirmMyFactorData; responses: ConfirmMyFactorResponses };
  updateMyFactor: { data: UpdateMyFactorData; responses: UpdateMyFactorResponses };
  removeMyFactor: { data: RemoveMyFactorData; responses: RemoveMyFactorResponses };
  createMyRecoveryCodes: { data: CreateMyRecoveryCodesData; responses: CreateMyRecoveryCodesResponses };
  createMyPasskeyOptions: { data: CreateMyPasskeyOptionsData; responses: CreateMyPasskeyOptionsResponses };
  addMyPasskey: { data: AddMyPasskeyData; responses: AddMyPasskeyResponses };
  createReauthenticationPasskeyOptions: {
    data: CreateReauthenticationPasskeyOptionsData;
    responses: CreateReauthenticationPasskeyOptionsResponses;
  };
  resetUserFactors: { data: ResetUserFactorsData; responses: ResetUserFactorsResponses };
  signOut: { data: SignOutData; responses: SignOutResponses };
  listMySessions: { data: ListMySessionsData; responses: ListMySessionsResponses };
  endMySessions: { data: EndMySessionsData; responses: EndMySessionsResponses };
  listUserSessions: { data: ListUserSessionsData; responses: ListUserSessionsResponses };
  endUserSessions: { data: EndUserSessionsData; responses: EndUserSessionsResponses };
  requestReauthentication: { data: RequestReauthenticationData; responses: RequestReauthenticationResponses };
  reauthenticate: { data: ReauthenticateData; responses: ReauthenticateResponses };
  acceptInvitation: { data: AcceptInvitationData; responses: AcceptInvitationResponses };
  acceptInvitationByPost: { data: AcceptInvitationByPostData; responses: AcceptInvitationByPostResponses };
  acceptMyInvitation: { data: AcceptMyInvitationData; responses: AcceptMyInvitationResponses };
  requestMachineToken: { data: RequestMachineTokenData; responses: RequestMachineTokenResponses };
  getJwks: { data: GetJwksData; responses: GetJwksResponses };
  getAppJwks: { data: GetAppJwksData; responses: GetAppJwksResponses };
  createAccessToken: { data: CreateAccessTokenData; responses: CreateAccessTokenResponses };
  getOauthJwks: { data: GetOauthJwksData; responses: GetOauthJwksResponses };
  createMyApiKey: { data: CreateMyApiKeyData; responses: CreateMyApiKeyResponses };
  listMyApiKeys: { data: ListMyApiKeysData; responses: ListMyApiKeysResponses };
  updateMyApiKey: { data: UpdateMyApiKeyData; responses: UpdateMyApiKeyResponses };
  revokeMyApiKey: { data: RevokeMyApiKeyData; responses: RevokeMyApiKeyResponses };
  introspectToken: { data: IntrospectTokenData; responses: IntrospectTokenResponses };
  setupOrganization: { data: SetupOrganizationData; responses: SetupOrganizationResponses };
  listOrganizations: { data: ListOrganizationsData; responses: ListOrganizationsResponses };
  createOrganization: { data: CreateOrganizationData; responses: CreateOrganizationResponses };
  getOrganization: { data: GetOrganizationData; responses: GetOrganizationResponses };
  updateOrganization: { data: UpdateOrganizationData; responses: UpdateOrganizationResponses };
  deleteOrganization: { data: DeleteOrganizationData; responses: DeleteOrganizationResponses };
  getOrganizationSecurity: { data: GetOrganizationSecurityData; responses: GetOrganizationSecurityResponses };
  updateOrganizationSecurity: { data: UpdateOrganizationSecurityData; responses: UpdateOrganizationSecurityResponses };
  deactivateOrganization: { data: DeactivateOrganizationData; responses: DeactivateOrganizationResponses };
  reactivateOrganization: { data: ReactivateOrganizationData; responses: ReactivateOrganizationResponses };
  inviteManager: { data: InviteManagerData; responses: InviteManagerResponses };
  listManagers: { data: ListManagersData; responses: ListManagersResponses };
  inviteOwner: { data: InviteOwnerData; responses: InviteOwnerResponses };
  inviteMember: { data: InviteMemberData; responses: InviteMemberResponses };
  addUserToOrganization: { data: AddUserToOrganizationData; responses: AddUserToOrganizationResponses };
  removeUserFromOrganization: { data: RemoveUserFromOrganizationData; responses: RemoveUserFromOrganizationResponses };
  setOrganizationUserRoles: { data: SetOrganizationUserRolesData; responses: SetOrganizationUserRolesResponses };
  removeManager: { data: RemoveManagerData; responses: RemoveManagerResponses };
  listInvitations: { data: ListInvitationsData; responses: ListInvitationsResponses };
  resendInvitation: { data: ResendInvitationData; responses: ResendInvitationResponses };
  revokeInvitation: { data: RevokeInvitationData; responses: RevokeInvitationResponses };
  listOrganizationUsers: { data: ListOrganizationUsersData; responses: ListOrganizationUsersResponses };
  searchOrganizationUsers: { data: SearchOrganizationUsersData; responses: SearchOrganizationUsersResponses };
  leaveOrganization: { data: LeaveOrganizationData; responses: LeaveOrganizationResponses };
  listMyManagerRoles: { data: ListMyManagerRolesData; responses: ListMyManagerRolesResponses };
  listOrganizationsByEmail: { data: ListOrganizationsByEmailData; responses: ListOrganizationsByEmailResponses };
  listRoles: { data: ListRolesData; responses: ListRolesResponses };
  updateRoles: { data: UpdateRolesData; responses: UpdateRolesResponses };
  deleteRole: { data: DeleteRoleData; responses: DeleteRoleResponses };
  createPredefinedRoles: { data: CreatePredefinedRolesData; responses: CreatePredefinedRolesResponses };
  listPredefinedRoles: { data: ListPredefinedRolesData; responses: ListPredefinedRolesResponses };
  deletePredefinedRole: { data: DeletePredefinedRoleData; responses: DeletePredefinedRoleResponses };
  checkPermissions: { data: CheckPermissionsData; responses: CheckPermissionsResponses };
  listUsers: { data: ListUsersData; responses: ListUsersResponses };
  deleteUser: { data: DeleteUserData; responses: DeleteUserResponses };
  deactivateUser: { data: DeactivateUserData; responses: DeactivateUserResponses };
  reactivateUser: { data: ReactivateUserData; responses: ReactivateUserResponses };
  listSuperAdmins: { data: ListSuperAdminsData; responses: ListSuperAdminsResponses };
  addSuperAdmin: { data: AddSuperAdminData; responses: AddSuperAdminResponses };
  removeSuperAdmin: { data: RemoveSuperAdminData; responses: RemoveSuperAdminResponses };
  createMachineUser: { data: CreateMachineUserData; responses: CreateMachineUserResponses };
  listMachineUsers: { data: ListMachineUsersData; responses: ListMachineUsersResponses };
  updateMachineUser: { data: UpdateMachineUserData; responses: UpdateMachineUserResponses };
  deleteMachineUser: { data: DeleteMachineUserData; responses: DeleteMachineUserResponses };
  createMachineSecret: { data: CreateMachineSecretData; responses: CreateMachineSecretResponses };
  deleteMachineSecret: { data: DeleteMachineSecretData; responses: DeleteMachineSecretResponses };
  createApiKey: { data: CreateApiKeyData; responses: CreateApiKeyResponses };
  listApiKeys: { data: ListApiKeysData; responses: ListApiKeysResponses };
  updateApiKey: { data: UpdateApiKeyData; responses: UpdateApiKeyResponses };
  revokeApiKey: { data: RevokeApiKeyData; responses: RevokeApiKeyResponses };
  adoptApiKey: { data: AdoptApiKeyData; responses: AdoptApiKeyResponses };
  createOrganizationMachineUser: {
    data: CreateOrganizationMachineUserData;
    responses: CreateOrganizationMachineUserResponses;
  };
  listOrganizationMachineUsers: {
    data: ListOrganizationMachineUsersData;
    responses: ListOrganizationMachineUsersResponses;
  };
  updateOrganizationMachineUser: {
    data: UpdateOrganizationMachineUserData;
    responses: UpdateOrganizationMachineUserResponses;
  };
  deleteOrganizationMachineUser: {
    data: DeleteOrganizationMachineUserData;
    responses: DeleteOrganizationMachineUserResponses;
  };
  createOrganizationMachineSecret: {
    data: CreateOrganizationMachineSecretData;
    responses: CreateOrganizationMachineSecretResponses;
  };
  confirmOrganizationMachineSecret: {
    data: ConfirmOrganizationMachineSecretData;
    responses: ConfirmOrganizationMachineSecretResponses;
  };
  deleteOrganizationMachineSecret: {
    data: DeleteOrganizationMachineSecretData;
    responses: DeleteOrganizationMachineSecretResponses;
  };
  listOrganizationAuditEvents: {
    data: ListOrganizationAuditEventsData;
    responses: ListOrganizationAuditEventsResponses;
  };
  listAuditEvents: { data: ListAuditEventsData; responses: ListAuditEventsResponses };
  getAppMetadata: { data: GetAppMetadataData; responses: GetAppMetadataResponses };
  createIntent: { data: CreateIntentData; responses: CreateIntentResponses };
  validateIntent: { data: ValidateIntentData; responses: ValidateIntentResponses };
  listMyIdentities: { data: ListMyIdentitiesData; responses: ListMyIdentitiesResponses };
  unlinkMyIdentity: { data: UnlinkMyIdentityData; responses: UnlinkMyIdentityResponses };
  createGoogleIdentityProvider: {
    data: CreateGoogleIdentityProviderData;
    responses: CreateGoogleIdentityProviderResponses;
  };
  createAzureIdentityProvider: {
    data: CreateAzureIdentityProviderData;
    responses: CreateAzureIdentityProviderResponses;
  };
  createOidcIdentityProvider: { data: CreateOidcIdentityProviderData; responses: CreateOidcIdentityProviderResponses };
  listIdentityProviders: { data: ListIdentityProvidersData; responses: ListIdentityProvidersResponses };
  updateIdentityProvider: { data: UpdateIdentityProviderData; responses: UpdateIdentityProviderResponses };
  deleteIdentityProvider: { data: DeleteIdentityProviderData; responses: DeleteIdentityProviderResponses };
  getAppSettings: { data: GetAppSettingsData; responses: GetAppSettingsResponses };
  updateAppSettings: { data: UpdateAppSettingsData; responses: UpdateAppSettingsResponses };
  getBranding: { data: GetBrandingData; responses: GetBrandingResponses };
  updateBranding: { data: UpdateBrandingData; responses: UpdateBrandingResponses };
  getOrganizationBranding: { data: GetOrganizationBrandingData; responses: GetOrganizationBrandingResponses };
  updateOrganizationBranding: { data: UpdateOrganizationBrandingData; responses: UpdateOrganizationBrandingResponses };
  getOrganizationLogo: { data: GetOrganizationLogoData; responses: GetOrganizationLogoResponses };
  setOrganizationLogo: { data: SetOrganizationLogoData; responses: SetOrganizationLogoResponses };
  deleteOrganizationLogo: { data: DeleteOrganizationLogoData; responses: DeleteOrganizationLogoResponses };
  previewBranding: { data: PreviewBrandingData; responses: PreviewBrandingResponses };
  previewOrganizationBranding: {
    data: PreviewOrganizationBrandingData;
    responses: PreviewOrganizationBrandingResponses;
  };
  getLogo: { data: GetLogoData; responses: GetLogoResponses };
  setLogo: { data: SetLogoData; responses: SetLogoResponses };
  deleteLogo: { data: DeleteLogoData; responses: DeleteLogoResponses };
  createApp: { data: CreateAppData; responses: CreateAppResponses };
  listApps: { data: ListAppsData; responses: ListAppsResponses };
  getApp: { data: GetAppData; responses: GetAppResponses };
  updateApp: { data: UpdateAppData; responses: UpdateAppResponses };
  getHealth: { data: GetHealthData; responses: GetHealthResponses };
  getReadiness: { data: GetReadinessData; responses: GetReadinessResponses };
}

/** Method, path and body of each operation. */
export const operations = {
  signUp: { method: 'POST', path: '/v1/authentication/users', body: true },
  getMe: {
    method: 'GET',
    path: '/v1/authentication/users/me',
    query: ['includeMetadata', 'includeOrganizations', 'organizationId'],
  },
  deleteMe: { method: 'DELETE', path: '/v1/authentication/users/me', body: true },
  getUser: { method: 'GET', path: '/v1/authentication/users/{userId}', query: ['includeMetadata'] },
  updateUser: { method: 'PUT', path: '/v1/authentication/users/{userId}', body: true },
  requestEmailVerification: { method: 'POST', path: '/v1/authentication/users/email/verification-request', body: true },
  verifyEmail: { method: 'POST', path: '/v1/authentication/users/email/verification', body: true },
  rejectEmailVerification: {
    method: 'POST',
    path: '/v1/authentication/users/email/verification/rejection',
    body: true,
  },
  requestPasswordReset: { method: 'POST', path: '/v1/authentication/users/password/reset-request/email', body: true },
  resetPassword: { method: 'PUT', path: '/v1/authentication/users/password', body: true },
  changePassword: { method: 'PUT', path: '/v1/authentication/users/{userId}/password', body: true },
  requestEmailChange: { method: 'POST', path: '/v1/authentication/users/me/email', body: true },
  changeEmail: { method: 'PUT', path: '/v1/authentication/users/me/email', body: true },
  exportMe: { method: 'GET', path: '/v1/authentication/users/me/export' },
  signIn: { method: 'POST', path: '/v1/authentication/users/sessions', body: true },
  requestSignInCode: { method: 'POST', path: '/v1/authentication/users/sessions/email-code', body: true },
  createExchangeCode: { method: 'POST', path: '/v1/authentication/users/me/exchange-codes', body: true },
  exchangeSession: { method: 'POST', path: '/v1/authentication/users/sessions/exchange', body: true },
  sendSecondFactorCode: { method: 'POST', path: '/v1/authentication/users/sessions/mfa/email-code', body: true },
  finishSignIn: { method: 'PUT', path: '/v1/authentication/users/sessions/mfa', body: true },
  createPasskeyOptions: { method: 'POST', path: '/v1/authentication/users/sessions/passkey/options', body: true },
  signInWithPasskey: { method: 'POST', path: '/v1/authentication/users/sessions/passkey', body: true },
  createSecondFactorPasskeyOptions: {
    method: 'POST',
    path: '/v1/authentication/users/sessions/mfa/passkey-options',
    body: true,
  },
  listMyFactors: { method: 'GET', path: '/v1/authentication/users/me/factors' },
  addMyTotpFactor: { method: 'POST', path: '/v1/authentication/users/me/factors/totp', body: true },
  confirmMyFactor: { method: 'POST', path: '/v1/authentication/users/me/factors/{factorId}/confirmation', body: true },
  updateMyFactor: { method: 'PATCH', path: '/v1/authentication/users/me/factors/{factorId}', body: true },
  removeMyFactor: { method: 'DELETE', path: '/v1/authentication/users/me/factors/{factorId}' },
  createMyRecoveryCodes: { method: 'POST', path: '/v1/authentication/users/me/recovery-codes' },
  createMyPasskeyOptions: { method: 'POST', path: '/v1/authentication/users/me/factors/passkey/options' },
  addMyPasskey: { method: 'POST', path: '/v1/authentication/users/me/factors/passkey', body: true },
  createReauthenticationPasskeyOptions: {
    method: 'POST',
    path: '/v1/authentication/users/me/reauthentication/passkey-options',
  },
  resetUserFactors: { method: 'DELETE', path: '/v1/authorization/users/{userId}/factors' },
  signOut: { method: 'DELETE', path: '/v1/authentication/users/sessions/{sessionId}' },
  listMySessions: { method: 'GET', path: '/v1/authentication/users/me/sessions' },
  endMySessions: { method: 'DELETE', path: '/v1/authentication/users/me/sessions', query: ['includeCurrent'] },
  listUserSessions: { method: 'GET', path: '/v1/authentication/users/{userId}/sessions' },
  endUserSessions: { method: 'DELETE', path: '/v1/authentication/users/{userId}/sessions' },
  requestReauthentication: { method: 'POST', path: '/v1/authentication/users/me/reauthentication-request' },
  reauthenticate: { method: 'POST', path: '/v1/authentication/users/me/reauthentication', body: true },
  acceptInvitation: { method: 'PUT', path: '/v1/authentication/users/invite', body: true },
  acceptInvitationByPost: { method: 'POST', path: '/v1/authentication/users/invite', body: true },
  acceptMyInvitation: { method: 'POST', path: '/v1/authentication/users/me/invitations/accept', body: true },
  requestMachineToken: { method: 'POST', path: '/v1/authentication/machine-users/access-token', body: true },
  getJwks: { method: 'GET', path: '/v1/authentication/token/jwks' },
  getAppJwks: { method: 'GET', path: '/apps/{app}/.well-known/jwks.json' },
  createAccessToken: { method: 'POST', path: '/v1/authentication/users/me/access-token', body: true },
  getOauthJwks: { method: 'GET', path: '/apps/{app}/oauth/jwks' },
  createMyApiKey: { method: 'POST', path: '/v1/authentication/users/me/api-keys', body: true },
  listMyApiKeys: {
    method: 'GET',
    path: '/v1/authentication/users/me/api-keys',
    query: ['page', 'pageSize', 'cursor'],
    items: 'apiKeys',
  },
  updateMyApiKey: { method: 'PATCH', path: '/v1/authentication/users/me/api-keys/{apiKeyId}', body: true },
  revokeMyApiKey: { method: 'DELETE', path: '/v1/authentication/users/me/api-keys/{apiKeyId}' },
  introspectToken: { method: 'POST', path: '/v1/authentication/token/introspection', body: true },
  setupOrganization: { method: 'POST', path: '/v1/authorization/organizations/setup', keyed: true, body: true },
  listOrganizations: {
    method: 'GET',
    path: '/v1/authorization/organizations',
    query: ['page', 'pageSize', 'cursor'],
    items: 'organizations',
  },
  createOrganization: { method: 'POST', path: '/v1/authorization/organizations', keyed: true, body: true },
  getOrganization: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}',
    query: ['includeMetadata', 'includeRoles'],
  },
  updateOrganization: { method: 'PATCH', path: '/v1/authorization/organizations/{orgId}', body: true },
  deleteOrganization: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}' },
  getOrganizationSecurity: { method: 'GET', path: '/v1/authorization/organizations/{orgId}/security' },
  updateOrganizationSecurity: { method: 'PATCH', path: '/v1/authorization/organizations/{orgId}/security', body: true },
  deactivateOrganization: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/deactivate' },
  reactivateOrganization: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/reactivate' },
  inviteManager: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/managers', keyed: true, body: true },
  listManagers: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}/managers',
    query: ['page', 'pageSize', 'cursor'],
    items: 'managers',
  },
  inviteOwner: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/owners', keyed: true, body: true },
  inviteMember: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/members', keyed: true, body: true },
  addUserToOrganization: {
    method: 'POST',
    path: '/v1/authorization/organizations/users/{userId}',
    organizationHeader: true,
    keyed: true,
    body: true,
  },
  removeUserFromOrganization: {
    method: 'DELETE',
    path: '/v1/authorization/organizations/users/{userId}',
    organizationHeader: true,
  },
  setOrganizationUserRoles: {
    method: 'PUT',
    path: '/v1/authorization/organizations/users/{userId}/roles',
    organizationHeader: true,
    body: true,
  },
  removeManager: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}/managers/{userId}' },
  listInvitations: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}/invitations',
    query: ['page', 'pageSize', 'cursor', 'status'],
    items: 'invitations',
  },
  resendInvitation: {
    method: 'POST',
    path: '/v1/authorization/organizations/{orgId}/invitations/{invitationId}/resend',
    keyed: true,
    body: true,
  },
  revokeInvitation: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}/invitations/{invitationId}' },
  listOrganizationUsers: {
    method: 'GET',
    path: '/v1/authorization/organizations/users',
    query: ['page', 'pageSize', 'cursor'],
    organizationHeader: true,
    items: 'users',
  },
  searchOrganizationUsers: {
    method: 'POST',
    path: '/v1/authorization/organizations/users/search',
    query: ['page', 'pageSize', 'cursor'],
    organizationHeader: true,
    body: true,
    items: 'users',
  },
  leaveOrganization: { method: 'DELETE', path: '/v1/authentication/users/me/organizations/{orgId}' },
  listMyManagerRoles: {
    method: 'GET',
    path: '/v1/authentication/users/me/manager-roles',
    query: ['page', 'pageSize', 'cursor'],
    items: 'managerRoles',
  },
  listOrganizationsByEmail: {
    method: 'GET',
    path: '/v1/authentication/users/organizations',
    query: ['page', 'pageSize', 'cursor', 'email'],
    items: 'organizations',
  },
  listRoles: { method: 'GET', path: '/v1/authorization/organizations/{orgId}/roles' },
  updateRoles: { method: 'PUT', path: '/v1/authorization/organizations/{orgId}/roles', body: true },
  deleteRole: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}/roles/{key}' },
  createPredefinedRoles: { method: 'POST', path: '/v1/authorization/predefined-roles', keyed: true, body: true },
  listPredefinedRoles: { method: 'GET', path: '/v1/authorization/predefined-roles' },
  deletePredefinedRole: { method: 'DELETE', path: '/v1/authorization/predefined-roles/{key}' },
  checkPermissions: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/permissions/check', body: true },
  listUsers: {
    method: 'GET',
    path: '/v1/authorization/users',
    query: ['page', 'pageSize', 'cursor', 'includeMetadata'],
    items: 'users',
  },
  deleteUser: { method: 'DELETE', path: '/v1/authorization/users/{userId}' },
  deactivateUser: { method: 'POST', path: '/v1/authorization/users/{userId}/deactivate' },
  reactivateUser: { method: 'POST', path: '/v1/authorization/users/{userId}/reactivate' },
  listSuperAdmins: {
    method: 'GET',
    path: '/v1/authorization/super-admins',
    query: ['page', 'pageSize', 'cursor'],
    items: 'superAdmins',
  },
  addSuperAdmin: { method: 'POST', path: '/v1/authorization/super-admins', keyed: true, body: true },
  removeSuperAdmin: { method: 'DELETE', path: '/v1/authorization/super-admins/{userId}' },
  createMachineUser: { method: 'POST', path: '/v1/authorization/machine-users', keyed: true, body: true },
  listMachineUsers: {
    method: 'GET',
    path: '/v1/authorization/machine-users',
    query: ['page', 'pageSize', 'cursor'],
    items: 'machineUsers',
  },
  updateMachineUser: { method: 'PATCH', path: '/v1/authorization/machine-users/{machineUserId}', body: true },
  deleteMachineUser: { method: 'DELETE', path: '/v1/authorization/machine-users/{machineUserId}' },
  createMachineSecret: {
    method: 'POST',
    path: '/v1/authorization/machine-users/{machineUserId}/secrets',
    keyed: true,
    body: true,
  },
  deleteMachineSecret: { method: 'DELETE', path: '/v1/authorization/machine-users/{machineUserId}/secrets/{secretId}' },
  createApiKey: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/api-keys', keyed: true, body: true },
  listApiKeys: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}/api-keys',
    query: ['page', 'pageSize', 'cursor'],
    items: 'apiKeys',
  },
  updateApiKey: { method: 'PATCH', path: '/v1/authorization/organizations/{orgId}/api-keys/{apiKeyId}', body: true },
  revokeApiKey: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}/api-keys/{apiKeyId}' },
  adoptApiKey: { method: 'POST', path: '/v1/authorization/organizations/{orgId}/api-keys/{apiKeyId}/adopt' },
  createOrganizationMachineUser: {
    method: 'POST',
    path: '/v1/authorization/organizations/{orgId}/machine-users',
    keyed: true,
    body: true,
  },
  listOrganizationMachineUsers: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}/machine-users',
    query: ['page', 'pageSize', 'cursor'],
    items: 'machineUsers',
  },
  updateOrganizationMachineUser: {
    method: 'PATCH',
    path: '/v1/authorization/organizations/{orgId}/machine-users/{machineUserId}',
    body: true,
  },
  deleteOrganizationMachineUser: {
    method: 'DELETE',
    path: '/v1/authorization/organizations/{orgId}/machine-users/{machineUserId}',
  },
  createOrganizationMachineSecret: {
    method: 'POST',
    path: '/v1/authorization/organizations/{orgId}/machine-users/{machineUserId}/secrets',
    keyed: true,
    body: true,
  },
  confirmOrganizationMachineSecret: {
    method: 'POST',
    path: '/v1/authorization/organizations/{orgId}/machine-users/{machineUserId}/secrets/{secretId}/confirm',
    keyed: true,
  },
  deleteOrganizationMachineSecret: {
    method: 'DELETE',
    path: '/v1/authorization/organizations/{orgId}/machine-users/{machineUserId}/secrets/{secretId}',
  },
  listOrganizationAuditEvents: {
    method: 'GET',
    path: '/v1/authorization/organizations/{orgId}/audit-events',
    query: ['pageSize', 'cursor', 'action', 'actorId', 'from', 'to'],
    items: 'events',
  },
  listAuditEvents: {
    method: 'GET',
    path: '/v1/authorization/audit-events',
    query: ['pageSize', 'cursor', 'action', 'actorId', 'from', 'to'],
    items: 'events',
  },
  getAppMetadata: { method: 'GET', path: '/v1/authentication/apps/metadata' },
  createIntent: { method: 'POST', path: '/v1/authentication/idp/intents/create', body: true },
  validateIntent: { method: 'POST', path: '/v1/authentication/idp/intents/validate', body: true },
  listMyIdentities: { method: 'GET', path: '/v1/authentication/users/me/identities' },
  unlinkMyIdentity: { method: 'DELETE', path: '/v1/authentication/users/me/identities/{identityId}' },
  createGoogleIdentityProvider: { method: 'POST', path: '/v1/authorization/idps/google', keyed: true, body: true },
  createAzureIdentityProvider: { method: 'POST', path: '/v1/authorization/idps/azure', keyed: true, body: true },
  createOidcIdentityProvider: { method: 'POST', path: '/v1/authorization/idps/oidc', keyed: true, body: true },
  listIdentityProviders: { method: 'GET', path: '/v1/authorization/idps' },
  updateIdentityProvider: { method: 'PATCH', path: '/v1/authorization/idps/{idpId}', body: true },
  deleteIdentityProvider: { method: 'DELETE', path: '/v1/authorization/idps/{idpId}' },
  getAppSettings: { method: 'GET', path: '/v1/authorization/apps/settings' },
  updateAppSettings: { method: 'PATCH', path: '/v1/authorization/apps/settings', body: true },
  getBranding: { method: 'GET', path: '/v1/authorization/branding' },
  updateBranding: { method: 'PATCH', path: '/v1/authorization/branding', body: true },
  getOrganizationBranding: { method: 'GET', path: '/v1/authorization/organizations/{orgId}/branding' },
  updateOrganizationBranding: { method: 'PATCH', path: '/v1/authorization/organizations/{orgId}/branding', body: true },
  getOrganizationLogo: { method: 'GET', path: '/v1/authorization/organizations/{orgId}/branding/logo' },
  setOrganizationLogo: { method: 'PUT', path: '/v1/authorization/organizations/{orgId}/branding/logo', body: true },
  deleteOrganizationLogo: { method: 'DELETE', path: '/v1/authorization/organizations/{orgId}/branding/logo' },
  previewBranding: { method: 'POST', path: '/v1/authorization/branding/preview', body: true },
  previewOrganizationBranding: {
    method: 'POST',
    path: '/v1/authorization/organizations/{orgId}/branding/preview',
    body: true,
  },
  getLogo: { method: 'GET', path: '/v1/authorization/branding/logo' },
  setLogo: { method: 'PUT', path: '/v1/authorization/branding/logo', body: true },
  deleteLogo: { method: 'DELETE', path: '/v1/authorization/branding/logo' },
  createApp: { method: 'POST', path: '/v1/platform/apps', body: true },
  listApps: { method: 'GET', path: '/v1/platform/apps' },
  getApp: { method: 'GET', path: '/v1/platform/apps/{name}' },
  updateApp: { method: 'PATCH', path: '/v1/platform/apps/{name}', body: true },
  getHealth: { method: 'GET', path: '/healthz' },
  getReadiness: { method: 'GET', path: '/readyz' },
} as const;

/** The error codes that this version knows. A newer service may answer others: treat them by their status. */
export type KnownErrorCode =
  | 'access_denied'
  | 'account_unclaimed'
  | 'api_key_limit_reached'
  | 'api_key_not_found'
  | 'app_inactive'
  | 'app_name_required'
  | 'app_name_taken'
  | 'app_not_found'
  | 'audience_not_allowed'
  | 'audience_required'
  | 'body_too_large'
  | 'code_invalid'
  | 'contrast_too_low'
  | 'current_password_wrong'
  | 'database_busy'
  | 'database_unavailable'
  | 'email_already_exists'
  | 'email_already_verified'
  | 'factor_invalid'
  | 'factor_limit_exceeded'
  | 'factor_not_allowed'
  | 'factor_not_found'
  | 'human_required'
  | 'idempotency_in_progress'
  | 'idempotency_key_reused'
  | 'identity_already_linked'
  | 'identity_not_found'
  | 'idp_discovery_failed'
  | 'idp_email_unverified'
  | 'idp_limit_exceeded'
  | 'idp_link_required'
  | 'idp_not_found'
  | 'insufficient_scope'
  | 'intent_invalid'
  | 'internal_error'
  | 'invalid_client'
  | 'invalid_credentials'
  | 'invitation_closed'
  | 'invitation_not_found'
  | 'last_factor'
  | 'last_owner'
  | 'last_sign_in_method'
  | 'last_super_admin'
  | 'logo_invalid'
  | 'logo_not_found'
  | 'machine_secret_limit_exceeded'
  | 'machine_secret_not_found'
  | 'machine_user_limit_exceeded'
  | 'machine_user_name_taken'
  | 'machine_user_not_found'
  | 'malformed_request'
  | 'metadata_key_reserved'
  | 'metadata_limit_exceeded'
  | 'mfa_disabled'
  | 'mfa_enrolment_required'
  | 'mfa_required'
  | 'network_not_allowed'
  | 'org_id_required'
  | 'organization_branding_disabled'
  | 'organization_creation_disabled'
  | 'organization_inactive'
  | 'organization_inactive_state'
  | 'organization_limit_reached'
  | 'organization_machine_users_disabled'
  | 'organization_name_taken'
  | 'organization_not_found'
  | 'origin_not_allowed'
  | 'outcome_unknown'
  | 'overloaded'
  | 'password_too_weak'
  | 'policy_locks_you_out'
  | 'precondition_failed'
  | 'rate_limited'
  | 'reauthentication_required'
  | 'redirect_url_not_allowed'
  | 'relying_party_in_use'
  | 'relying_party_missing'
  | 'role_limit_exceeded'
  | 'role_not_found'
  | 'route_not_found'
  | 'session_not_found'
  | 'session_required'
  | 'sign_in_method_disabled'
  | 'sign_up_disabled'
  | 'step_up_required'
  | 'storage_full'
  | 'too_many_attempts'
  | 'unauthenticated'
  | 'unknown_role'
  | 'unsupported_media_type'
  | 'user_inactive'
  | 'user_not_active'
  | 'user_not_found'
  | 'validation_failed';
