import { createVisitor } from './visitor.ts';
import { password, type World } from './world.ts';

/** A browser in which this person has signed in on the hosted pages. */
export async function signInOnPages({ test, appName }: World, { email }: { email: string }) {
  const visitor = createVisitor(test);
  await visitor.open(`/apps/${appName}/sign-in`);
  await visitor.press('Continue', { email });
  await visitor.press('Sign in', { password });
  return visitor;
}
