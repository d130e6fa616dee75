import type { FastifyRequest } from 'fastify';
import { ApiError } from '../http/errors.ts';
import type { StepUp } from '../access/step-up-operations.ts';
import type { LimitName } from '../limits/limits.ts';

/** The app of a request, with the fields that the request path needs. */
export interface CallApp {
  readonly id: string;
  readonly name: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly settings: StepUp & {
    readonly allowedOrigins: readonly string[];
    readonly trustedBackends: readonly string[];
    readonly cookieSameSite: 'lax' | 'strict' | 'none';
    readonly mfa: { readonly policy: 'off' | 'optional' | 'required' };
    readonly limits: Readonly<Record<LimitName, number>>;
  };
}

/** Queries about apps that the request path needs. */
export interface Apps {
  /** The id of the app with this name. An app's name and id never change. */
  idOf(name: string): Promise<string | undefined>;
  /** The app in the header of a request, read at most once per request; undefined if the header is missing. */
  named(request: FastifyRequest): Promise<CallApp | undefined>;
  /** Whether any active app allows pages of this origin. */
  someAllows(origin: string): Promise<boolean>;
}

/** The app of the call. @throws ApiError `app_not_found` */
export async function appOfCall({
  services,
  request,
}: {
  services: { apps: Apps };
  request: FastifyRequest;
}): Promise<CallApp> {
  const app = await services.apps.named(request);
  if (!app) throw new ApiError('app_not_found');
  return app;
}
