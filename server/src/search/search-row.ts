import { sql } from '../db/db.ts';
import { toUnicodeEmail } from '../http/email-address.ts';
import { earlierSearchKey, partsOfKey, partsWithin, type SearchField, searchKey } from './search-key.ts';

/**
 * Ends `email_key` of every row of this version of the fold. If a process of an earlier release writes the row, the
 * mark is lost, so the row is indexed again.
 */
const foldMark = '\n2';

/**
 * Rows of `member_search` that an earlier version of the fold wrote and the current version may fold differently: their
 * keys have characters beyond ASCII, or a domain in Unicode. This is the condition of the index `member_search_stale`.
 */
export const isStale = sql`right(email_key, 2) <> E'\\n2' AND (octet_length(name_key) > length(name_key)
  OR octet_length(email_key) > length(email_key) OR email_key LIKE '%xn--%')`;

/** Search parts of a text. */
interface Searchable {
  /** The forms of the text, one per line. */
  readonly key: string;
  /** Hashes of their parts. */
  readonly parts: readonly number[];
}

function searchable(field: SearchField, texts: readonly string[]): Searchable {
  const forms = [...new Set(texts.flatMap((text) => [earlierSearchKey(text), searchKey(text)]))];
  return { key: forms.join('\n'), parts: [...new Set(forms.flatMap((form) => partsOfKey(field, form)))] };
}

/** Search forms of a display name. */
export const searchableName = (name: string): Searchable => searchable('name', [name]);

/** Search forms of an e-mail address: with the domain in ASCII and in Unicode. */
export function searchableEmail(email: string): Searchable {
  const { key, parts } = searchable('email', [email, toUnicodeEmail(email)]);
  return { key: key + foldMark, parts };
}

/** The columns of `member_search` that depend on the texts; `parts` as an array literal. */
export function toSearchColumns(orgId: string, name: Searchable, email: Searchable) {
  const parts = partsWithin(orgId, [...name.parts, ...email.parts]);
  return { nameKey: name.key, emailKey: email.key, parts: `{${parts.join(',')}}` };
}
