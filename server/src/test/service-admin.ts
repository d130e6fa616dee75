import { expect } from 'vitest';
import type { ServiceProcess } from './service-process.ts';

/** The password of the first super admin, which the first start prints. */
export const passwordOf = (stdout: string): string => /Password: (\S+)/.exec(stdout)?.[1] ?? '';

export const signIn = (service: ServiceProcess, password: string) =>
  service.call('POST', '/v1/authentication/users/sessions', { body: { email: 'admin@example.com', password } });

/** Signs in the first super admin. @returns the session token */
export async function tokenOf(service: ServiceProcess, password: string): Promise<string> {
  const response = await signIn(service, password);
  expect(response.status).toBe(201);
  return ((await response.json()) as { sessionToken: string }).sessionToken;
}
