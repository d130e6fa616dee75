import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Config, ConfigError, type Environment, loadConfig } from '../config.ts';
import { type Db, type Log, sql } from '../db/db.ts';
import { DirectoryInUseError } from '../db/directory-lock.ts';
import { openDatabase } from '../db/open.ts';
import { failureText } from '../email/delivery-failure.ts';
import { probeSmtp, productionTiming } from '../email/smtp.ts';
import { OutboundError } from '../http/outbound.ts';
import { readMasterKeyFile } from '../keys/master-key-file.ts';
import { createSealer } from '../keys/seal.ts';
import { createRangeClient, fetchRange } from '../passwords/breached-passwords.ts';
import { databaseNow, examineClock, examineSchema, examineServer } from './doctor-database.ts';
import { examineMasterKey, examineSigningKeys } from './doctor-keys.ts';
import { examineRoles, examineSettings } from './doctor-settings.ts';
import { embeddedIsForOne } from './embedded-is-for-one.ts';
import { check, fault, type Finding, warning } from './findings.ts';

/** Dependencies of the command. Tests pass their own. */
export interface DoctorSurroundings {
  readonly env: Environment;
  /** Opens the database without changing it. */
  readonly open: (config: Config, log: Log) => Promise<Db>;
  /** The time of this machine, in milliseconds since 1970. */
  readonly machineNow: () => number;
  readonly print: (text: string) => void;
}

/** Opens an existing database without migrations and without a lease, because the doctor changes nothing. */
export function openExisting({ databaseUrl: url, dataDir, databasePrepare }: Config, log: Log): Promise<Db> {
  if (url === undefined && !existsSync(join(dataDir, 'postgresql'))) {
    throw new Error(`There is no database in ${dataDir} yet: the first start creates it`);
  }
  return openDatabase({ url, dataDir, poolSize: 1, prepare: databasePrepare, log });
}

async function examineMail({ smtpUrl, isProduction }: Config): Promise<Finding[]> {
  if (smtpUrl === undefined) {
    return isProduction ? [warning('mail', 'SMTP_URL is not set: no mails are sent.')] : [];
  }
  const failure = await probeSmtp(smtpUrl, productionTiming);
  if (failure === undefined) return [];
  return [fault('mail', `The mail server of SMTP_URL cannot be used: ${failureText(failure)}.`)];
}

/** Asks the server of breached passwords for a fixed range. */
async function examineBreachedPasswords({ breachedPasswordsUrl: url }: Config): Promise<Finding[]> {
  if (url === undefined) return [];
  const client = createRangeClient();
  try {
    await fetchRange(client, url, '00000');
    return [];
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const effect = 'New passwords are accepted without this check.';
    return [warning('passwords', `The server of BREACHED_PASSWORDS_URL cannot be used. ${error.message} ${effect}`)];
  } finally {
    await client.close();
  }
}

async function examineKeys(db: Db, config: Config): Promise<readonly Finding[]> {
  const current = config.masterKey ?? readMasterKeyFile(config.dataDir);
  if (current === undefined) return [fault('keys', `There is no master key in ${config.dataDir}: restore the file.`)];
  return examineMasterKey(db, createSealer({ current, old: config.masterKeysOld }));
}

/** Checks the contents of the database only if this build can read its schema. */
async function examineContent(db: Db, config: Config): Promise<readonly Finding[]> {
  const [row] = await db.query<{ found: boolean }>(sql`SELECT to_regclass('apps') IS NOT NULL AS found`);
  if (row?.found !== true) return [];
  const findings = [
    await check('keys', () => examineKeys(db, config)),
    await check('keys', () => databaseNow(db).then((now) => examineSigningKeys(db, now))),
    await check('settings', () => examineSettings(db, config)),
    await check('roles', () => examineRoles(db)),
  ];
  return findings.flat();
}

/** Checks whether the database can be reached, its version and its contents. */
async function examineDatabase(config: Config, { open, machineNow }: DoctorSurroundings): Promise<readonly Finding[]> {
  const logged: Finding[] = [];
  const log: Log = (level, message, { advice }) => {
    if (level !== 'info')
      logged.push(warning('database', typeof advice === 'string' ? `${message}: ${advice}` : message));
  };
  let db: Db;
  try {
    db = await open(config, log);
  } catch (error) {
    return [fault('database', explain(error))];
  }
  try {
    const findings = [
      await check('database', () => examineServer(db)),
      await check('database', () => examineSchema(db)),
      await check('clock', () => examineClock(db, machineNow)),
      await examineContent(db, config),
    ];
    return [...logged, ...findings.flat()];
  } finally {
    await db.close();
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof DirectoryInUseError) return `${error.message}. ${embeddedIsForOne}`;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Every problem that an operator should fix. */
async function examine(surroundings: DoctorSurroundings): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = loadConfig(surroundings.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ variable, message }) => fault('configuration', `${variable} ${message}`));
  }
  const findings = await Promise.all([
    examineDatabase(config, surroundings),
    check('mail', () => examineMail(config)),
    check('passwords', () => examineBreachedPasswords(config)),
  ]);
  return findings.flat();
}

/** The command that lists problems that an operator should fix, one line each. It changes nothing. */
export function addDoctorCommand(program: Command, surroundings: DoctorSurroundings): void {
  const { print } = surroundings;
  program
    .command('doctor')
    .description(
      'list problems to fix: configuration, database, clock, mail, breached passwords, keys, stored settings',
    )
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine(surroundings);
      if (json === true) print(JSON.stringify({ findings }));
      else if (findings.length === 0) print('nothing to mend');
      else for (const { severity, area, message } of findings) print(`${severity}  ${area}  ${message}`);
      if (findings.length > 0) process.exitCode = 1;
    });
}
