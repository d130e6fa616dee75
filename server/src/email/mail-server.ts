/** Whether the mail server of `SMTP_URL` can be used, as this process found last. */
export class MailServerState {
  #isUp: boolean | undefined;

  /** Undefined until somebody has tried. */
  get isUp(): boolean | undefined {
    return this.#isUp;
  }

  /** @returns whether that is news */
  note(isUp: boolean): boolean {
    const isNews = this.#isUp !== isUp;
    this.#isUp = isUp;
    return isNews;
  }
}

declare module '../calls/services.ts' {
  interface Services {
    readonly mailServer: MailServerState;
  }
}
