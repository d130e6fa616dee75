import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../openapi/schemas.ts';
import { document, nodesOf, operations, resolved, responsesOf } from './openapi.document.ts';

/** Every schema of requests, or of responses, including the schemas that it refers to. */
function schemasOf(direction: 'requests' | 'answers'): { pointer: string; node: JsonSchema }[] {
  const roots = operations.flatMap(({ operation }) =>
    direction === 'requests'
      ? Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema)
      : responsesOf(operation).flatMap(({ response }) =>
          Object.values(response.content ?? {}).map(({ schema }) => schema),
        ),
  );
  const found = new Map<string, { pointer: string; node: JsonSchema }>();
  const visit = (root: JsonSchema, where: string): void => {
    for (const { pointer, node } of nodesOf(resolved(root), root.$ref ?? where)) {
      if (found.has(pointer)) return;
      found.set(pointer, { pointer, node });
      if (typeof node['$ref'] === 'string') visit(node, pointer);
    }
  };
  for (const [index, root] of roots.entries()) visit(root, String(index));
  return [...found.values()];
}

/** The fields of request bodies that have one of these names. */
const fieldsNamed = (...names: string[]) =>
  schemasOf('requests').flatMap(({ pointer, node }) =>
    Object.entries(node.properties ?? {})
      .filter(([name]) => names.includes(name))
      .map(([name, field]) => [`${pointer}.${name}`, field] as const),
  );

describe('the constraints of the document', () => {
  it.each(
    fieldsNamed('password', 'newPassword', 'adminPassword').filter(([where]) => !where.includes('SignInRequest')),
  )('bound a new password: %s', (_, field) => {
    expect([field['minLength'], field['maxLength']]).toEqual([10, 128]);
  });

  it.each(fieldsNamed('verificationUrl', 'resetUrl', 'inviteUrl', 'successUrl', 'failureUrl'))(
    'bound a URL template: %s',
    (_, field) => {
      expect(field['maxLength']).toBe(2000);
    },
  );

  it.each(
    fieldsNamed('newEmail', 'adminEmail').concat(
      fieldsNamed('email').filter(([where]) => !/Search|SignIn/.test(where)),
    ),
  )('say that it is an e-mail address: %s', (_, field) => {
    expect([field['format'], field['maxLength']]).toEqual(['idn-email', 254]);
  });

  it('exclude each other in alternative forms', () => {
    const { schemas } = document.components;
    expect(schemas['CreateIntentRequest']?.['oneOf']).toEqual([
      { required: ['successUrl', 'failureUrl'] },
      { required: ['urls'] },
    ]);
    expect(schemas['ValidateIntentRequest']?.['oneOf']).toEqual([
      { required: ['idpToken'] },
      { required: ['intentToken'] },
    ]);
    expect(schemas['ReauthenticateRequest']?.['oneOf']).toHaveLength(5);
    expect(schemas['FinishSignInRequest']?.['oneOf']).toEqual([
      { required: ['factorId', 'code'] },
      { required: ['assertion'] },
      { required: ['recoveryCode'] },
    ]);
    expect(schemas['CreateAzureIdentityProviderRequest']?.['not']).toEqual({ required: ['tenantType', 'tenantId'] });
  });

  it('allow new fields in responses', () => {
    const closed = schemasOf('answers').filter(({ node }) => node['additionalProperties'] === false);
    expect(closed.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('say that page and cursor exclude each other', () => {
    const { Page, Cursor } = document.components.parameters;
    expect(Page?.description).toContain('Cannot be combined with `cursor`');
    expect(Cursor?.description).toContain('Cannot be combined with `page`');
  });
});
