import type { Language } from '../mail-texts/words.ts';
import { arabicPages } from './arabic.ts';
import { englishPages, type PageTexts } from './english.ts';

export type { PageTexts, TextName } from './english.ts';

export const pageTexts: Readonly<Record<Language, PageTexts>> = { en: englishPages, ar: arabicPages };
