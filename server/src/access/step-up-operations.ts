/** The documented operations that an app can protect with the setting `stepUp`. */
export const stepUpOperations = [
  'createMachineUser',
  'createGoogleIdentityProvider',
  'createAzureIdentityProvider',
  'deleteUser',
] as const;

/** The settings that protect documented operations. */
export interface StepUp {
  readonly stepUp: boolean;
  readonly stepUpOperations: readonly (typeof stepUpOperations)[number][];
}

/** Whether everybody needs recent authentication for the operation. */
export const isProtected = ({ stepUp, stepUpOperations: protectedOnes }: StepUp, operationId: string): boolean =>
  stepUp && protectedOnes.some((name) => name === operationId);
