import { join, type Sql, sql } from '../db/db.ts';

/** How people can sign in: with a password, a mailed code, a passkey without a password, or an identity provider. */
export const signInMethodNames = ['password', 'emailCode', 'passkey', 'provider'] as const;

export type SignInMethod = (typeof signInMethodNames)[number];

/** Methods of authentication (`amr`) that are first factors. They count also if a person has no second factor. */
export const firstFactors: readonly string[] = ['pwd', 'email', 'fed'];

/**
 * SQL condition for each method: the method was used in the session. A passkey counts only if it has verified the
 * person.
 */
const proves: Readonly<Record<SignInMethod, (amr: Sql) => Sql>> = {
  password: (amr) => sql`'pwd' = ANY (${amr})`,
  emailCode: (amr) => sql`'email' = ANY (${amr})`,
  passkey: (amr) => sql`(${amr} && '{hwk,swk}'::text[] AND 'user' = ANY (${amr}))`,
  provider: (amr) => sql`'fed' = ANY (${amr})`,
};

/**
 * SQL condition: the policy names sign-in methods, and none of them was used in the session.
 *
 * @param policy the column `security`
 * @param amr methods of authentication, `text[]`; null has none
 */
export const lacksMethod = (policy: Sql, amr: Sql): Sql => sql`
  (${policy} ? 'signInMethods' AND NOT COALESCE(${join(
    signInMethodNames.map((name) => sql`(${policy} -> 'signInMethods' ? ${name} AND ${proves[name](amr)})`),
    ' OR ',
  )}, false))`;
