import { logoUrl } from '../branding/logo-url.ts';
import { findOrganizationWithBranding, type OrganizationWithBranding } from '../branding/shown-branding.store.ts';
import type { Config } from '../config.ts';
import type { Services } from '../calls/services.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import type { StoredMail } from './mails.store.ts';
import { languageOf } from '../mail-texts/languages.ts';
import { oneLine } from '../mail-texts/names.ts';
import { type Branding, renderMail } from '../mail-texts/render.ts';
import { deploymentSender, type Mailbox, senderOf } from './sender.ts';

/** A mail in the form that is sent to the mail server. */
export interface ComposedMail {
  readonly messageId: string;
  readonly envelope: { readonly from: string; readonly to: string };
  readonly from: Mailbox;
  readonly to: string;
  readonly replyTo: string | undefined;
  readonly date: Date;
  readonly language: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Constant for all attempts, so that duplicates of a mail can be recognized. */
const messageIdOf = ({ appId, id }: StoredMail, config: Config): string =>
  `<${appId}.${id}@${new URL(config.publicUrl).hostname}>`;

/** The branding of a mail of an app or organization. The texts are always those of the app. */
function brandingOf(
  { publicUrl }: Config,
  { app, language }: StoredMail,
  organization: OrganizationWithBranding | undefined,
): Branding {
  const { mail: settings } = app.settings;
  const urlOf = (hash: Buffer): string => publicUrl + logoUrl(app.name, hash);
  const ofApp = settings.logoUrl ?? (app.logoHash ? urlOf(app.logoHash) : undefined);
  const ownName = organization?.textsAllowed ? organization.look.name : null;
  return {
    language: languageOf(language, app.settings.language),
    brandName: ownName ?? settings.brandName ?? app.displayName,
    logoUrl: organization?.logo ? urlOf(organization.logo.hash) : ofApp,
    logoName: organization?.logo && organization.name,
    // `logoBackground` describes the stored logo, not the one of `mail.logoUrl`.
    isLogoForDark: organization?.logo
      ? organization.look.logoBackground === 'dark'
      : !settings.logoUrl && app.logoBackground === 'dark',
    color: organization?.look.primaryColor ?? settings.color ?? undefined,
    texts: settings.texts ?? {},
  };
}

/** The organization whose branding a mail has; undefined if the mail has the branding of the app. */
export async function organizationOf(
  { db }: Pick<Services, 'db'>,
  { appId, app }: StoredMail,
  { orgId }: MailContent,
): Promise<OrganizationWithBranding | undefined> {
  if (orgId === undefined || !app.settings.organizationBranding) return undefined;
  return findOrganizationWithBranding(db, appId, orgId);
}

/** Renders a mail and adds its sender. */
export function composeMail(
  { config }: Pick<Services, 'config'>,
  mail: StoredMail,
  content: MailContent,
  organization: OrganizationWithBranding | undefined,
): ComposedMail {
  const { mail: settings } = mail.app.settings;
  const branding = brandingOf(config, mail, organization);
  const { name, address } = senderOf(config, settings);
  return {
    messageId: messageIdOf(mail, config),
    envelope: { from: deploymentSender(config).address, to: mail.recipient },
    from: { name: oneLine(name), address },
    to: mail.recipient,
    replyTo: settings.replyTo ?? undefined,
    date: mail.createdAt,
    language: branding.language,
    ...renderMail(mail.purpose, content, branding),
  };
}
