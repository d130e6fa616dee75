/** The result of the last use of the mail server of `SMTP_URL` by this process. */
export class MailServerState {
  #isUp: boolean | undefined;

  /** Undefined before the first use. */
  get isUp(): boolean | undefined {
    return this.#isUp;
  }

  /** @returns whether the state changed */
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
