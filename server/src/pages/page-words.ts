import type { Language } from '../mail-texts/words.ts';
import { arabicPages } from './page-words.ar.ts';
import { englishPages, type PageTexts } from './page-words.en.ts';

export type { PageTexts, TextName } from './page-words.en.ts';

export const pageTexts: Readonly<Record<Language, PageTexts>> = { en: englishPages, ar: arabicPages };
