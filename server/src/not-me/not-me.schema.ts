import { z } from 'zod';
import { appName } from '../apps/apps.schema.ts';
import { message, text } from '../http/fields.ts';

export const rejection = z
  .strictObject({
    token: text({ min: 1, max: 1000 }).meta({
      description: 'The part of the link after `#`.',
      examples: ['gh_n_aAYf3kQ0N1x9bT2mVw8sJ7hLq4ReCyU6oPzDgKiXnAtB5vMrSlEjFwHcQdZuYkG'],
    }),
  })
  .meta({ id: 'RejectEmailVerificationRequest', description: 'The token of a "not me" link.' });

export const rejected = z
  .object({ message: message('Rejected') })
  .meta({ id: 'RejectEmailVerificationResult', description: 'The session or credential is removed.' });

export const pageParams = z.strictObject({
  app: appName,
});
