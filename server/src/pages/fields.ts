import { html, type Html } from '../http/html.ts';
import type { TextName } from '../page-texts/texts.ts';
import type { PageCall } from './page-call.ts';
import { faultOf } from './problems.ts';

interface Option {
  readonly value: string;
  readonly label: Html;
}

interface SelectOptions {
  readonly name: string;
  readonly label: TextName;
  readonly options: readonly Option[];
  /** The value that is selected at first. */
  readonly value?: string | undefined;
}

/** A labelled choice of one value. A single value is selected without a question. */
export function selectField(page: PageCall, { name, label, options, value }: SelectOptions): Html {
  const [only] = options;
  if (options.length === 1 && only) return html`<input type="hidden" name="${name}" value="${only.value}" />`;
  const fault = faultOf(page.problem, name);
  const items = options.map(
    (option) =>
      html`<option value="${option.value}" ${option.value === value ? html`selected` : html``}>
        ${option.label}
      </option>`,
  );
  return html`<div class="field">
    <label for="${name}">${page.text(label)}</label>
    <select id="${name}" name="${name}" ${fault ? html`aria-invalid="true" aria-describedby="${name}-fault"` : html``}>
      ${items}
    </select>
    ${fault ? html`<p class="fault" id="${name}-fault">${page.text(fault)}</p>` : html``}
  </div>`;
}

interface Box {
  readonly value: string;
  readonly label: Html;
  readonly isChecked: boolean;
}

const boxName = (group: string, value: string): string => `${group}_${value}`;

/** A labelled group of check boxes. Each box has its own name, because pages accept no list of values. */
export function checkboxes(page: PageCall, group: string, label: TextName, boxes: readonly Box[]): Html {
  const items = boxes.map(({ value, label: shown, isChecked }) => {
    const name = boxName(group, value);
    return html`<label class="check">
      <input type="checkbox" name="${name}" value="on" ${isChecked ? html`checked` : html``} />
      <span>${shown}</span>
    </label>`;
  });
  return html`<fieldset>
    <legend>${page.text(label)}</legend>
    ${items}
  </fieldset>`;
}

/** The check boxes of a group that are checked in the form, if the page offers them. */
export const checkedOf = ({ form }: PageCall, group: string, values: readonly string[]): string[] =>
  values.filter((value) => form[boxName(group, value)] !== undefined);
