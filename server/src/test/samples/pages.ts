import { createHmac, hash } from 'node:crypto';
import { linked } from './identity-providers.ts';
import { goThrough } from '../identity-flow.ts';
import { codeOfReset } from './accounts.ts';
import { freshMember, inviteTo, unique } from './users.ts';
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
  showContinuePage: shows(async ({ world }) => {
    const target = 'https://app.example.com/start';
    const body = { redirectUrls: [target] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    return { return_to: target };
  }),
};
