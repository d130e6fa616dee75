import { createHmac, hash } from 'node:crypto';
import { linked } from './identity-providers.ts';
import { goThrough } from '../identity-flow.ts';
import { codeOfReset } from './accounts.ts';
import { freshMember, inviteTo } from './users.ts';
import { unique } from '../world/names.ts';
import { nobody, type Prepared, type SampleCall, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { password, type Person } from '../world/world.ts';

type Values = Readonly<Record<string, string>>;

const params = ({ world }: Stage) => ({ app: world.appName });

const newFormSecret = (): string => `gh_p_${hash('sha256', unique('form'), 'base64url')}`;

/** A form of a page, sent by the browser for which it was made. */
function formOf(stage: Stage, body: Values, person?: Person): Prepared {
  const secret = newFormSecret();
  const token = createHmac('sha256', secret).update(stage.world.appName).digest('base64url');
  const session = person ? `; session-token=${person.token}` : '';
  return {
    as: nobody,
    params: params(stage),
    headers: { cookie: `page=${secret}${session}` },
    body: { ...body, form_token: token },
  };
}

const shows = (query: (stage: Stage) => Values | Promise<Values> = () => ({})): readonly [SampleCall] => [
  {
    admits: 'everyone',
    prepare: async (stage) => ({ as: nobody, params: params(stage), query: await query(stage) }),
  },
];

/** Allows the address of a product. @returns it */
async function allowTarget({ world }: Stage): Promise<string> {
  const target = 'https://app.example.com/start';
  const body = { redirectUrls: [target] };
  await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
  return target;
}

/** A new owner of the organization. */
async function freshOwner(stage: Stage): Promise<Person> {
  const person = await freshMember(stage);
  const body = { email: person.email, firstName: 'Ada', lastName: 'Lovelace' };
  const url = `/v1/authorization/organizations/${stage.orgId}/owners`;
  await stage.world.call('POST', url, { token: stage.owner.token, body });
  return person;
}

/** A page that a signed-in person opens. */
const showsTo = (
  who: (stage: Stage) => Promise<Person>,
  query: (stage: Stage) => Values | Promise<Values> = () => ({}),
): readonly [SampleCall] => [
  {
    admits: 'everyone',
    prepare: async (stage) => {
      const { token } = await who(stage);
      const headers = { cookie: `session-token=${token}` };
      return { as: nobody, params: params(stage), headers, query: await query(stage) };
    },
  },
];

/** @param tellsMore the events of the calls that the page makes */
const takes = (
  prepare: (stage: Stage) => Prepared | Promise<Prepared>,
  tellsMore: SampleCall['tellsMore'] = [],
): readonly [SampleCall] => [{ admits: 'everyone', foreign: 200, prepare, tellsMore }];

const mailed = { email: 'ada@example.com', code: 'ABCDEFG' };

/** Sample calls of the pages. */
export const samplesOfPages: SampleCalls = {
  showSignInPage: shows(),
  submitSignInPage: takes(
    async (stage) => {
      const { email } = await freshMember(stage);
      return formOf(stage, { step: 'password', email, password });
    },
    ['session.created'],
  ),
  showSignUpPage: shows(),
  submitSignUpPage: takes(
    (stage) => {
      const email = `${unique('page')}@example.com`;
      return formOf(stage, { firstName: 'Ada', lastName: 'Lovelace', email, password });
    },
    ['user.signed_up'],
  ),
  showVerificationPage: shows(() => ({ ...mailed, user: '118273645546213376' })),
  submitVerificationPage: takes(
    async (stage) => {
      const person = await freshMember(stage, { verified: false });
      const { code = '' } = await stage.world.mail(person.email);
      return formOf(stage, { user: person.userId, code }, person);
    },
    ['user.email_verified'],
  ),
  showForgotPasswordPage: shows(),
  submitForgotPasswordPage: takes(async (stage) => formOf(stage, { email: (await freshMember(stage)).email })),
  showResetPasswordPage: shows(() => mailed),
  submitResetPasswordPage: takes(
    async (stage) => {
      const { email } = await freshMember(stage);
      const code = await codeOfReset(stage, email);
      return formOf(stage, { email, code, newPassword: 'Secret@slidezAB' });
    },
    ['user.password_reset'],
  ),
  showInvitationPage: shows(({ orgId }) => ({ ...mailed, org: orgId })),
  submitInvitationPage: takes(
    async (stage) => {
      const email = `${unique('page')}@example.com`;
      const { code = '' } = await inviteTo(stage, email);
      return formOf(stage, { email, code, org: stage.orgId, newPassword: 'Secret@slidezAB' });
    },
    ['invitation.accepted'],
  ),
  showAccountPage: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        const { token } = await freshMember(stage);
        return { as: nobody, params: params(stage), headers: { cookie: `session-token=${token}` } };
      },
    },
  ],
  submitAccountPage: takes(
    async (stage) => {
      const person = await freshMember(stage);
      return formOf(stage, { step: 'profile', user: person.userId, firstName: 'Ada' }, person);
    },
    ['user.updated'],
  ),
  showSecondFactorsPage: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        const { token } = await freshMember(stage);
        return { as: nobody, params: params(stage), headers: { cookie: `session-token=${token}` } };
      },
    },
  ],
  submitSecondFactorsPage: takes(
    async (stage) => {
      const person = await freshMember(stage);
      return formOf(stage, { step: 'confirm-again', currentPassword: password }, person);
    },
    ['session.reauthenticated'],
  ),
  showEmailChangePage: showsTo((stage) => freshMember(stage)),
  submitEmailChangePage: takes(
    async (stage) => {
      const person = await freshMember(stage);
      const body = { newEmail: `${unique('page')}@example.com` };
      await stage.world.call('POST', '/v1/authentication/users/me/email', { token: person.token, body });
      const { code = '' } = await stage.world.mail(body.newEmail);
      return formOf(stage, { ...body, step: 'code', code }, person);
    },
    ['user.email_changed'],
  ),
  showIdentitiesPage: showsTo((stage) => freshMember(stage)),
  submitIdentitiesPage: takes(
    async (stage) => {
      const { person } = await linked(stage);
      const url = '/v1/authentication/users/me/identities';
      const list = await stage.world.call('GET', url, { token: person.token });
      const [identity] = list.json<{ identities: { id: string }[] }>().identities;
      return formOf(stage, { step: 'unlink', identity: identity?.id ?? '' }, person);
    },
    ['identity.unlinked'],
  ),
  showLinkIdentityPage: [
    {
      admits: 'everyone',
      tellsMore: ['identity.linked'],
      foreign: 'intent_invalid',
      prepare: async (stage) => {
        const { world } = stage;
        const person = await freshMember(stage);
        const { idpId, provider } = await linked(stage);
        const secret = newFormSecret();
        const verifier = createHmac('sha256', secret)
          .update(`link ${person.userId} ${world.appName}`)
          .digest('base64url');
        const codeChallenge = hash('sha256', verifier, 'base64url');
        provider.person = { sub: person.userId };
        const { intentId = '', intentToken = '' } = await goThrough(world, provider, idpId, { codeChallenge });
        return {
          as: nobody,
          params: params(stage),
          headers: { cookie: `page=${secret}; session-token=${person.token}` },
          query: { intentId, intentToken },
        };
      },
    },
  ],
  showApiKeysPage: showsTo((stage) => freshMember(stage)),
  submitApiKeysPage: takes(
    async (stage) => {
      const person = await freshMember(stage);
      const url = '/v1/authentication/users/me/api-keys';
      const body = { organizationId: stage.orgId, name: 'page', roles: ['reader'] };
      const made = await stage.world.call('POST', url, { token: person.token, body });
      return formOf(stage, { step: 'revoke', key: made.json<{ id: string }>().id }, person);
    },
    ['api_key.revoked'],
  ),
  showAccountDataPage: showsTo((stage) => freshMember(stage)),
  submitAccountDataPage: takes(
    async (stage) => formOf(stage, { step: 'delete', sure: 'on' }, await freshMember(stage)),
    ['user.deleted'],
  ),
  showOrganizationsPage: showsTo((stage) => freshMember(stage)),
  submitOrganizationsPage: takes(async (stage) => {
    const query = { return_to: await allowTarget(stage), organization: 'choose' };
    return formOf(stage, { ...query, step: 'choose', org: stage.orgId }, await freshMember(stage));
  }),
  showMembersPage: showsTo(freshOwner, ({ orgId }) => ({ org: orgId })),
  submitMembersPage: takes(
    async (stage) =>
      formOf(stage, { step: 'confirm-again', currentPassword: password, org: stage.orgId }, await freshOwner(stage)),
    ['session.reauthenticated'],
  ),
  showMemberPage: showsTo(freshOwner, async (stage) => ({
    org: stage.orgId,
    user: (await freshMember(stage)).userId,
  })),
  submitMemberPage: takes(
    async (stage) => {
      const { userId } = await freshMember(stage);
      return formOf(stage, { org: stage.orgId, user: userId, step: 'remove' }, await freshOwner(stage));
    },
    ['member.removed'],
  ),
  showInvitationsPage: showsTo(freshOwner, ({ orgId }) => ({ org: orgId })),
  submitInvitationsPage: takes(
    async (stage) => {
      const invited = { email: `${unique('page')}@example.com`, firstName: 'Mia', lastName: 'Ray', role: 'managers' };
      return formOf(stage, { ...invited, org: stage.orgId, step: 'invite' }, await freshOwner(stage));
    },
    ['organization.manager_granted'],
  ),
  showLeaveOrganizationPage: showsTo(freshOwner, ({ orgId }) => ({ org: orgId })),
  submitLeaveOrganizationPage: takes(
    async (stage) => formOf(stage, { org: stage.orgId }, await freshMember(stage)),
    ['organization.left'],
  ),
  showNewOrganizationPage: showsTo(async ({ world }) => world.admin),
  submitNewOrganizationPage: takes(
    ({ world, ...stage }) => {
      const owner = { adminFirstName: 'Jon', adminLastName: 'Doe', adminEmail: world.admin.email };
      return formOf({ world, ...stage }, { orgName: unique('Page'), ...owner }, world.admin);
    },
    ['organization.created'],
  ),
  submitSignOutPage: takes(async (stage) => formOf(stage, {}, await freshMember(stage)), ['session.ended']),
  showProviderPage: [
    {
      admits: 'everyone',
      tellsMore: ['session.created'],
      foreign: 'intent_invalid',
      prepare: async (stage) => {
        const { world } = stage;
        const { idpId, provider } = await linked(stage);
        const secret = newFormSecret();
        const verifier = createHmac('sha256', secret).update(`intent ${world.appName}`).digest('base64url');
        const codeChallenge = hash('sha256', verifier, 'base64url');
        const { intentId = '', intentToken = '' } = await goThrough(world, provider, idpId, { codeChallenge });
        return {
          as: nobody,
          params: params(stage),
          headers: { cookie: `page=${secret}` },
          query: { intentId, intentToken },
        };
      },
    },
  ],
  showSignedOutPage: shows(),
  showContinuePage: shows(async (stage) => ({ return_to: await allowTarget(stage) })),
};
