/** Characters that end a line, are controls, or change the direction in which other text is shown. */
export const reordering = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/**
 * Invisible characters, including direction marks. Joiners and variation selectors are not among them, because Persian,
 * Indic scripts and emoji need them.
 */
export const invisible = /(?!\p{Join_Control}|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/u;

/** Other characters that show nothing: annotations between lines, the empty Braille pattern, noncharacters. */
const unseen = /[\uFFF9-\uFFFB\u2800\p{Noncharacter_Code_Point}]/u;

/** Whether text looks like other text, or is shown in another order, because of invisible characters. */
export const isDisguised = (value: string): boolean =>
  reordering.test(value) || invisible.test(value) || unseen.test(value);
