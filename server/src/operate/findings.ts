/** One thing that an operator should mend. */
export interface Finding {
  /** A fault keeps something from working now; a warning is a risk, or a value that is refused when it is set again. */
  readonly severity: 'fault' | 'warning';
  /** Where to look: `configuration`, `database`, `clock`, `mail`, `keys`, `settings of <app>`, `roles of <app>`. */
  readonly area: string;
  /** One line. */
  readonly message: string;
}

const finding =
  (severity: Finding['severity']) =>
  (area: string, message: string): Finding => ({ severity, area, message: message.replaceAll(/\s*\n\s*/g, ' ') });

export const fault = finding('fault');
export const warning = finding('warning');

/** Runs a check. A check that fails is a finding, so that the others are still made. */
export async function check(area: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fault(area, `This could not be checked: ${error instanceof Error ? error.message : String(error)}`)];
  }
}
