import type { Language } from '../mail-texts/words.ts';
import { arabicPages } from './arabic.ts';
import { arabicAccount } from './arabic-account.ts';
import { arabicOrganizations } from './arabic-organizations.ts';
import { englishPages, type PageTexts as TextsOfPages } from './english.ts';
import { type AccountTexts, englishAccount } from './english-account.ts';
import { englishOrganizations, type OrganizationTexts } from './english-organizations.ts';

/** The texts of all pages in one language. `{{name}}` stands for a value. */
export type PageTexts = TextsOfPages & AccountTexts & OrganizationTexts;
export type TextName = keyof PageTexts;

export const pageTexts: Readonly<Record<Language, PageTexts>> = {
  en: { ...englishPages, ...englishAccount, ...englishOrganizations },
  ar: { ...arabicPages, ...arabicAccount, ...arabicOrganizations },
};
