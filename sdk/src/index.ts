export { type Client, clientOver, createClient } from './client.ts';
export { machineClient, type MachineOptions } from './machine.ts';
export { newVerifier, signInUrl, type SignInUrlOptions } from './hosted-pages.ts';
export { type ErrorCode, GatehouseConnectionError, GatehouseError, type PendingSignIn } from './errors.ts';
export type { CallOptions, ClientOptions, PreparedRequest, TokenSource, Transport } from './transport.ts';
export type { KnownErrorCode } from './generated/operations.ts';
export type * from './generated/types.gen.ts';
export { AuthService } from './documented.ts';
