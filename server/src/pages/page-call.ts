import type { Settings } from '../apps/apps.schema.ts';
import type { App } from '../apps/apps.store.ts';
import { checkRedirectUrl } from '../apps/url-template.ts';
import type { Call } from '../calls/route.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';
import { s256Challenge } from '../http/fields.ts';
import { languageOfBrowser } from '../mail-texts/languages.ts';
import { html, type Html } from '../http/html.ts';
import type { Language } from '../mail-texts/words.ts';
import { type Answer, callApi, type Problem } from './call-api.ts';
import { formToken } from './interaction.ts';
import { type Content, lookOf, type PageLook, type Text, textIn, type Values } from './layout.ts';
import type { TextName } from '../page-texts/texts.ts';
import { alertOf, faultOf } from './problems.ts';
import type { ShownBranding } from './shown-branding.ts';

/** The values of a query or form. Empty values are absent. */
export type Form = Readonly<Record<string, string>>;

interface FieldOptions {
  readonly name: string;
  readonly label: TextName;
  readonly type?: 'text' | 'email' | 'password';
  readonly autocomplete: string;
  /** The initial value. Passwords and codes are never sent back. */
  readonly value?: string | undefined;
  readonly hint?: TextName;
  readonly isCode?: boolean;
  readonly isOptional?: boolean;
  readonly isFirst?: boolean;
}

/** A message of success, or an alert. */
interface Notice {
  readonly text: TextName;
  readonly isAlert?: true;
}

/** Messages to show after a redirect, by the query parameter `notice`. */
export type Notices = ReadonlyMap<string | undefined, Notice>;

const notesOfHeadings = new Map<TextName, 'signInNote' | 'signUpNote'>([
  ['signInLead', 'signInNote'],
  ['signUpLead', 'signUpNote'],
]);

/** The properties of a preview. */
interface Preview {
  readonly language: Language;
  /** The logo as data, because the logo of a preview may not be stored; undefined: no logo. */
  readonly logoUrl: string | undefined;
}

const withLogo = (look: PageLook, url: string | undefined): PageLook => ({
  ...look,
  logo: look.logo && url !== undefined ? { ...look.logo, url } : undefined,
});

/** A call of a page: the request, the app and the state of the response. */
export class PageCall {
  readonly call: Call;
  readonly app: App;
  readonly look: PageLook;
  /** Present if the page is a preview, in which forms and links do not work. */
  readonly isPreview: boolean;
  readonly text: Text;
  /** The sign-in methods in the order of the page. The API decides whether a method is allowed. */
  readonly methods: Settings['signInMethods'];
  /** The query of the URL, or the form that was sent. */
  readonly form: Form;
  /** Whether a form was sent. */
  readonly isSent: boolean;
  /** The URL of the product to which the browser returns, from the query or form. */
  readonly returnTo: string | undefined;
  /** The parameters of the product, which every page passes on. */
  readonly goal: Values;
  /** The refusal that the page shows. */
  problem: Problem | undefined;
  /** A message that the page shows. */
  notice: Notice | undefined;
  /** Whether the page loads the script. */
  usesScript = false;
  /**
   * Whether the form, when it is shown again, still contains the result of the authenticator: the API refused only
   * something else.
   */
  keepsCredential = false;

  /** The organization whose branding the page has. Links and forms of the page name this organization, too. */
  readonly #context: Values;
  #token: string | undefined;

  /** @throws ApiError `redirect_url_not_allowed`, `malformed_request` */
  constructor(call: Call, branded: ShownBranding, form: Form, preview?: Preview) {
    const { app, look, organization } = branded;
    const allowed = app.settings.signInMethods;
    const shown = look.methods?.filter((method) => allowed.includes(method)) ?? [];
    this.methods = shown.length > 0 ? shown : allowed;
    this.call = call;
    this.app = app;
    this.form = form;
    this.isSent = call.request.method === 'POST';
    this.isPreview = preview !== undefined;
    const ofBrowser = languageOfBrowser(call.request.headers['accept-language']);
    const shownLook = lookOf(branded, preview?.language ?? ofBrowser ?? app.settings.language);
    this.look = preview ? withLogo(shownLook, preview.logoUrl) : shownLook;
    this.text = textIn(this.look);
    this.#context = organization ? { org: organization.id } : {};
    this.returnTo = form['return_to'];
    if (this.returnTo !== undefined) checkRedirectUrl(call, app, this.returnTo);
    const { code_challenge: challenge } = form;
    // Check the URL now: otherwise, people would get the refusal only after they have signed in.
    if (challenge !== undefined && !s256Challenge.safeParse(challenge).success) {
      throw new ApiError('malformed_request');
    }
    this.goal = {
      ...(this.returnTo !== undefined && { return_to: this.returnTo }),
      ...(this.returnTo !== undefined && challenge !== undefined && { code_challenge: challenge }),
      ...(this.returnTo !== undefined && form['organization'] === 'choose' && { organization: 'choose' }),
    };
  }

  /** The URL of a page of the app, with the URL of the product in the query. */
  href(page: string, query: Values = {}): string {
    if (this.isPreview) return '#';
    const all = new URLSearchParams({ ...this.#context, ...query, ...this.goal });
    return `/apps/${this.app.name}/${page}${all.size > 0 ? `?${all.toString()}` : ''}`;
  }

  api(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    asked: Parameters<typeof callApi>[3] = {},
  ): Promise<Answer> {
    return callApi(this.call, this.app.name, [method, path], asked);
  }

  /** Refuses the form as the API would. */
  refuse(code: ErrorCode, fields: readonly string[] = []): void {
    const { requestId } = this.call.client;
    this.problem = { status: new ApiError(code).status, code, requestId, fields, members: {} };
  }

  /** Shows the message that the query parameter `notice` names. */
  readNotice(notices: Notices): void {
    if (!this.isSent) this.notice = notices.get(this.form['notice']) ?? this.notice;
  }

  /** All forms of a page share one token. */
  #formToken(): string {
    this.#token ??= formToken(this.call, this.app.name);
    return this.#token;
  }

  /** A form of the page. Its fields are passed in; the token and the URL of the product are added. */
  formOf(page: string, fields: Html, hidden: Values = {}): Html {
    if (this.isPreview) return html`<form novalidate>${fields}</form>`;
    const all = Object.entries({
      ...this.#context,
      ...hidden,
      ...this.goal,
      form_token: this.#formToken(),
    });
    return html`<form method="post" action="/apps/${this.app.name}/${page}" novalidate>
      ${all.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}${fields}
    </form>`;
  }

  signOutForm(): Html {
    return this.formOf('sign-out', this.secondButton('signOut'));
  }

  /** A labelled field, with the error of the field. */
  field(options: FieldOptions): Html {
    const { name, label, type = 'text', autocomplete, value, hint, isCode, isOptional, isFirst } = options;
    const fault = faultOf(this.problem, name);
    const described = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(' ');
    const attributes = [
      html` autocomplete="${autocomplete}"`,
      value === undefined ? html`` : html` value="${value}"`,
      isCode ? html` class="code" dir="ltr" autocapitalize="characters" spellcheck="false"` : html``,
      type === 'email' ? html` dir="ltr"` : html``,
      isOptional ? html`` : html` required`,
      described === '' ? html`` : html` aria-describedby="${described}"`,
      fault ? html` aria-invalid="true"` : html``,
      fault || (isFirst && !this.problem) ? html` autofocus` : html``,
    ];
    return html`<div class="field">
      <label for="${name}">${this.text(label)}</label>
      <input id="${name}" name="${name}" type="${type}" ${attributes} />
      ${hint ? html`<p class="hint" id="${name}-hint">${this.text(hint)}</p>` : html``}
      ${fault ? html`<p class="fault" id="${name}-fault">${this.text(fault)}</p>` : html``}
    </div>`;
  }

  /**
   * The page with a heading and, below it, the message.
   *
   * @param options.heading default: the title
   * @param options.values values of the placeholders of the message
   * @param options.above shown above the heading
   */
  content(
    title: TextName,
    body: Html,
    { heading = title, values, above = html`` }: { heading?: TextName; values?: Values; above?: Html } = {},
  ): Content {
    const { text, problem } = this;
    return {
      title: text.plain(title),
      status: problem?.status ?? 200,
      ...(problem?.retryAfterSeconds !== undefined && { retryAfterSeconds: problem.retryAfterSeconds }),
      ...(this.usesScript && { hasScript: true }),
      body: html`${above}
        <h1>${text(heading)}</h1>
        ${this.#noteOf(heading)} ${this.#message(values)} ${body}`,
    };
  }

  /** The sentence of the app below a heading. */
  #noteOf(heading: TextName): Html {
    const name = notesOfHeadings.get(heading);
    const note = name && this.text.added(name);
    return note ? html`<p>${note}</p>` : html``;
  }

  /** The message above the content of the page, if there is one. */
  #message(values: Values = {}): Html {
    const { problem, notice, text } = this;
    if (problem) return alertOf(problem, text);
    if (notice?.isAlert) return html`<p class="alert" role="alert">${text(notice.text, values)}</p>`;
    return notice ? html`<p class="note" role="status">${text(notice.text, values)}</p>` : html``;
  }

  /** The field for the code of a mail. The default hint mentions the link that most of these mails have. */
  codeField(hint: 'codeHint' | 'mailedFactorHint' = 'codeHint'): Html {
    return this.field({
      name: 'code',
      label: 'code',
      hint,
      autocomplete: 'one-time-code',
      isCode: true,
      isFirst: true,
    });
  }

  /** A check box. */
  checkbox(name: string, label: TextName, values: Values = {}): Html {
    const checked = this.form[name] === undefined ? html`` : html` checked`;
    return html`<label class="check"
      ><input type="checkbox" name="${name}" value="yes" ${checked} /> <span>${this.text(label, values)}</span></label
    >`;
  }

  secondButton(label: TextName, values: Values = {}): Html {
    return html`<button class="second">${this.text(label, values)}</button>`;
  }

  button(label: TextName, values: Values = {}): Html {
    return html`<button>${this.text(label, values)}</button>`;
  }
}
