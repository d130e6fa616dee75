import { createApp, prepareApp } from '../../accounts/create-app.ts';
import type { SettingsPatch } from '../../apps/apps.schema.ts';
import { sql } from '../../db/db.ts';
import { limitNames } from '../../limits/limits.ts';
import type { TestApp } from '../setup.ts';
import { type Audit, auditOf } from './audit.ts';
import { type Calls, callsOf } from './calls.ts';
import { type Machines, machinesOf } from './machines.ts';
import { type Mails, mailsOf } from './mails.ts';
import { unique } from './names.ts';
import { type Organizations, organizationsOf } from './organizations.ts';
import { password, type People, peopleOf, type Person } from './people.ts';
import { type Rows, rowsOf } from './rows.ts';

// A test needs only one import for its world and for checks of responses.
export { faults, problem } from './answers.ts';
export { callOf, type RequestOptions } from './calls.ts';
export type { Machine } from './machines.ts';
export type { Mail } from './mails.ts';
export { password, type Person } from './people.ts';

/** An app for a test. Calls use HTTP, and people are created by the same calls as in production. */
export interface World extends Calls, Mails, People, Organizations, Machines, Audit, Rows {
  readonly test: TestApp;
  readonly appName: string;
  readonly appId: string;
  readonly admin: Person;
  /** Re-authenticates, by default as the super admin, so that the session counts as fresh. */
  reauthenticate(who?: { token: string }): Promise<void>;
}

/** Creates an app with its super admin, and functions that populate it. */
export async function createWorld(
  test: TestApp,
  { name = unique('app'), settings }: { name?: string; settings?: SettingsPatch } = {},
): Promise<World> {
  const adminEmail = `admin@${name}.example`;
  const appId = await addApp(test, name, adminEmail, settings);
  const calls = callsOf(test.app, name);
  const mails = mailsOf(calls);
  const people = peopleOf({ ...calls, ...mails });
  const admin = await people.signIn(adminEmail);
  // Deletes the mail about the admin's first device, because tests look for other mails.
  await test.db.query(sql`DELETE FROM mails WHERE app_id = ${appId}`);
  return {
    test,
    appName: name,
    appId,
    admin,
    ...calls,
    ...mails,
    ...people,
    reauthenticate: (who = admin) => people.reauthenticate(who),
    ...organizationsOf({ ...calls, ...people }, admin),
    ...machinesOf(calls, admin),
    ...auditOf(test.db, appId),
    ...rowsOf(test.db, appId),
  };
}

/** All calls of a test come from one address at one time, so limits are high unless a test sets its own. */
const endless = Object.fromEntries(limitNames.map((name) => [name, 100_000]));

async function addApp(test: TestApp, name: string, adminEmail: string, settings?: SettingsPatch): Promise<string> {
  const prepared = await prepareApp(test.services, {
    name,
    displayName: name,
    adminEmail,
    adminPassword: password,
    settings: {
      redirectUrls: ['https://app.example.com'],
      ...settings,
      limits: { ...endless, ...settings?.limits },
    },
  });
  await test.db.transaction((tx) => createApp(tx, test.services, prepared));
  return prepared.id;
}
