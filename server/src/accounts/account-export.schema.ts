import { z } from 'zod';
import { outputId, time } from '../http/fields.ts';
import { membership, user } from '../users/users.schema.ts';

const name = (what: string, example: string) => z.string().meta({ description: what, examples: [example] });
const nullable = (what: string, example: string) =>
  z
    .string()
    .nullable()
    .meta({ description: what, examples: [example] });
const list = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item).meta({ description: `${what} At most 1,000.`, examples: [[]] });

const profile = z
  .object({
    ...user.shape,
    language: nullable('Language of mails.', 'en'),
    createdAt: time('When the user was created'),
    updatedAt: time('When the user was last changed'),
  })
  .meta({ id: 'ExportedProfile', description: 'Data about the user.' });

const session = z
  .object({
    id: outputId('the session'),
    createdAt: time('When it began'),
    lastSeenAt: time('When it was last used'),
    expiresAt: time('When it expires, unless it is used before'),
    ip: nullable('Address that started it.', '203.0.113.7'),
    userAgent: nullable('User agent that started it.', 'Mozilla/5.0'),
  })
  .meta({ id: 'ExportedSession', description: 'A session that has not expired.' });

const device = z
  .object({
    createdAt: time('When it was first used'),
    lastUsedAt: time('When it last signed in'),
    expiresAt: time('When it expires'),
    rememberedUntil: time('Latest time until which sign-ins on it need no second factor').nullable(),
  })
  .meta({ id: 'ExportedDevice', description: 'A known device: it has signed in before.' });

const invitation = z
  .object({
    orgId: outputId('the organization'),
    organizationName: name('Name of the organization.', 'Acme'),
    email: name('Invited address.', 'jon.doe@example.com'),
    role: name('Offered role: ORG_OWNER, ORG_USER_MANAGER or a role key.', 'reader'),
    status: name('Status of the invitation.', 'accepted'),
    createdAt: time('When it was sent'),
    expiresAt: time('Until when it can be accepted'),
  })
  .meta({ id: 'ExportedInvitation', description: 'An invitation to an organization.' });

const identity = z
  .object({
    provider: name('Name of the identity provider.', 'Google'),
    issuer: name('Issuer of the identity provider.', 'https://accounts.google.com'),
    subject: name('Id of the user at the provider.', '110169484474386276334'),
    email: nullable('Address as the provider returned it.', 'jon.doe@example.com'),
    createdAt: time('When it was linked'),
    lastUsedAt: time('When it was last used to sign in'),
  })
  .meta({ id: 'ExportedIdentity', description: 'An identity at a provider.' });

const machineSecret = z
  .object({
    id: outputId('the secret', '118273645546213379'),
    orgId: outputId('the organization'),
    machineUserId: outputId('the machine user', '118273645546213378'),
    machineUserName: name('Name of the machine user.', 'exporter'),
    label: nullable('What the secret is for.', 'deploy pipeline'),
    createdAt: time('When it was created'),
    confirmBy: time('When it ends unless an owner confirms it').nullable(),
  })
  .meta({ id: 'ExportedMachineSecret', description: 'A secret that the user created or confirmed.' });

const factor = z
  .object({
    id: outputId('the second factor'),
    kind: name('Kind of the factor.', 'totp'),
    name: name('Name of the factor.', 'Phone'),
    createdAt: time('When it was added'),
    lastUsedAt: time('When it was last used').nullable(),
  })
  .meta({ id: 'ExportedFactor', description: 'A second factor, without its secret.' });

const mail = z
  .object({
    recipient: name('Address of the recipient.', 'jon.doe@example.com'),
    purpose: name('What it was about.', 'email_verification'),
    createdAt: time('When it was written'),
  })
  .meta({ id: 'ExportedMail', description: 'A mail. Its content is not stored.' });

const event = z
  .object({
    id: outputId('the event'),
    time: time('When it happened'),
    action: name('What was done.', 'session.created'),
    orgId: nullable('Id of the organization of the event.', '118273645546213376'),
    target: z
      .object({
        kind: name('Kind of the target.', 'session'),
        id: nullable('Id of the target.', '118273645546213376'),
      })
      .meta({ description: 'Kind and id of the target.', examples: [{ kind: 'session', id: '118273645546213376' }] }),
    changes: z.array(z.string()).meta({ description: 'Names of the changed fields.', examples: [['phoneNumber']] }),
    ip: nullable('Address of the client.', '203.0.113.7'),
    userAgent: nullable('User agent of the client.', 'Mozilla/5.0'),
  })
  .meta({ id: 'ExportedEvent', description: 'An action of the user.' });

const apiKey = z
  .object({
    id: name('Id of the API key.', '118273645546213390'),
    name: name('Name of the key.', 'my laptop'),
    orgId: name('Id of the organization that the key is for.', '118273645546213224'),
    roles: z.array(z.string()).meta({ description: 'Roles to which the key is limited.', examples: [['reader']] }),
    permissions: z.array(z.string()).meta({ description: 'Permissions to which the key is limited.', examples: [[]] }),
    lastCharacters: name('Last characters of the key.', 'x7Qw'),
    createdAt: time('When the key was created'),
    expiresAt: nullable('When the key expires.', '2027-11-24T00:00:00.000Z'),
    lastUsedAt: nullable('When the key was last used, to the minute.', '2026-11-24T09:30:00.000Z'),
  })
  .meta({ id: 'ExportedApiKey', description: 'A personal API key, without the key.' });

export const accountExport = z
  .object({
    exportedAt: time('When the document was created'),
    user: profile,
    sessions: list(session, 'Sessions that have not expired, oldest first.'),
    devices: list(device, 'Known devices, oldest first.'),
    organizations: list(membership, 'Organizations of the user, oldest first.'),
    invitations: list(invitation, 'Invitations, oldest first; empty unless the address is verified.'),
    identities: list(identity, 'Linked identities, oldest first.'),
    factors: list(factor, 'Second factors, oldest first.'),
    apiKeys: list(apiKey, 'Personal API keys, oldest first.'),
    machineSecrets: list(
      machineSecret,
      'Secrets that the user created or confirmed for machine users of organizations, oldest first.',
    ),
    mails: list(mail, 'Mails of the last days, oldest first.'),
    events: list(event, 'Actions of the user, newest first.'),
    truncated: z
      .array(z.string())
      .meta({ description: 'Names of the lists that were truncated.', examples: [['events']] }),
  })
  .meta({ id: 'AccountExport', description: 'All data about the caller.' });
