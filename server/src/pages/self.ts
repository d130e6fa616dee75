import { z } from 'zod';
import type { PageCall } from './page-call.ts';

const self = z.looseObject({
  userId: z.string(),
  email: z.string(),
  session: z.looseObject({ amr: z.array(z.string()) }),
});

/** The signed-in person; undefined without an unrestricted session. */
export async function selfOf(page: PageCall): Promise<z.output<typeof self> | undefined> {
  const answer = await page.api('GET', 'authentication/users/me');
  return answer.ok ? self.parse(answer.body) : undefined;
}
