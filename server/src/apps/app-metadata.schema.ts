import { z } from 'zod';
import { outputId } from '../http/fields.ts';
import { signInMethods } from './apps.schema.ts';

const idpConfig = z
  .object({
    id: outputId('the identity provider', '118273645546213380'),
    type: z.enum(['google', 'azure', 'oidc']).meta({ description: 'Kind of provider.', examples: ['google'] }),
    name: z.string().meta({ description: 'Label of the button.', examples: ['Google'] }),
  })
  .meta({ id: 'IdpConfig', description: 'A provider that people may sign in with.' });

export const appMetadata = z
  .object({
    appName: z.string().meta({ description: 'Name of the app.', examples: ['demo'] }),
    displayName: z.string().meta({ description: 'Name of the app that people see.', examples: ['Demo'] }),
    idpConfigs: z.array(idpConfig).meta({ description: 'Enabled providers, oldest first.', examples: [[]] }),
    passwordPolicy: z
      .object({
        minLength: z.int().meta({ description: 'Minimum number of characters.', examples: [10] }),
        maxLength: z.int().meta({ description: 'Maximum number of characters.', examples: [128] }),
      })
      .meta({ description: 'Allowed length of passwords.', examples: [{ minLength: 10, maxLength: 128 }] }),
    signUpEnabled: z.boolean().meta({ description: 'Whether self-service sign-up is enabled.', examples: [true] }),
    signInMethods: signInMethods.meta({ description: 'How people can sign in.', examples: [['password', 'provider']] }),
  })
  .meta({ id: 'AppMetadata', description: 'Data for the sign-in page of a front end.' });
