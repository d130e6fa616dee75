/** One problem that an operator should fix. */
export interface Finding {
  /**
   * A fault is a present malfunction. A warning is a risk, or a stored value that would be refused if it were set
   * again.
   */
  readonly severity: 'fault' | 'warning';
  /**
   * The area of the problem: `configuration`, `database`, `clock`, `mail`, `passwords`, `keys`, `settings of <app>`,
   * `roles of <app>`.
   */
  readonly area: string;
  /** One line. */
  readonly message: string;
}

const finding =
  (severity: Finding['severity']) =>
  (area: string, message: string): Finding => ({ severity, area, message: message.replaceAll(/\s*\n\s*/g, ' ') });

export const fault = finding('fault');
export const warning = finding('warning');

/** Runs a check. A failure of the check is reported as a finding, so that the other checks still run. */
export async function check(area: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fault(area, `This check failed: ${error instanceof Error ? error.message : String(error)}`)];
  }
}
