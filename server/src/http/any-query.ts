import { z } from 'zod';

/** Query schema of pages and probes, which ignore their query. */
export const anyQuery = z.looseObject({});
