import { z } from 'zod';

/** The query of a page or a probe: whatever a link carries, it is answered the same. */
export const anyQuery = z.looseObject({});
