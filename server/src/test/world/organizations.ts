import { withStatus } from './answers.ts';
import type { Calls } from './calls.ts';
import { unique } from './names.ts';
import type { People, Person } from './people.ts';

export interface Organizations {
  /** Sets up an organization with this owner, as super admin. @returns its id */
  organization(
    owner: Person,
    options?: { name?: string; roles?: string[]; metadata?: Record<string, string> },
  ): Promise<string>;
  manager(orgId: string): Promise<Person>;
  member(orgId: string, role?: string): Promise<Person>;
}

/** Creates organizations and their members as the super admin of the app. */
export function organizationsOf(
  { call, person }: Pick<Calls, 'call'> & Pick<People, 'person'>,
  admin: Person,
): Organizations {
  const create = async (path: string, body: object) =>
    withStatus(201, await call('POST', `/v1/authorization/organizations/${path}`, { token: admin.token, body }));

  const grant = async (orgId: string, noun: string, extra: object): Promise<Person> => {
    const member = await person();
    await create(`${orgId}/${noun}`, { email: member.email, firstName: 'Jon', lastName: 'Doe', ...extra });
    return member;
  };

  return {
    async organization({ email }, { name = unique('Organization'), roles = ['reader', 'writer'], metadata } = {}) {
      const response = await create('setup', {
        orgName: name,
        adminFirstName: 'Jon',
        adminLastName: 'Doe',
        adminEmail: email,
        customRoles: roles.map((key) => ({ key, displayName: key, allowedPermissions: [`documents:${key}`] })),
        ...(metadata && { metadata }),
      });
      return response.json<{ orgId: string }>().orgId;
    },
    manager: (orgId) => grant(orgId, 'managers', {}),
    member: (orgId, role = 'reader') => grant(orgId, 'members', { role }),
  };
}
