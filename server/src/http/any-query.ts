import { z } from 'zod';

/** The query of a page or a probe: every query is answered the same. */
export const anyQuery = z.looseObject({});
