import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import type { ErrorCode } from '../http/errors.ts';
import { routes } from '../routes.ts';
import {
  type CallerName,
  callerNames,
  expectedOutcome,
  expireTokens,
  issueTokens,
  type Tokens,
  tokenOf,
} from './access.callers.ts';
import { type Case, cases, samples } from './calls.ts';
import { digestOfEverything } from './calls.digest.ts';
import { outcomeOf, perform, type Prepared } from './calls.sample.ts';
import { createStage, type Stage } from './calls.stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld } from './world.ts';

let app: TestApp;
let stage: Stage;
let tokens: Tokens;

beforeAll(async () => {
  app = await buildTestApp();
  const foreign = await createStage(app);
  const expired = await expireTokens(app, await createWorld(app));
  stage = await createStage(app);
  tokens = await issueTokens(stage, foreign, expired, async (userId) => {
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${userId}`);
  });
});
afterAll(() => app?.close());
