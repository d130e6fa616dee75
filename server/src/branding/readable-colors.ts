import { contrast } from '../mail-texts/colors.ts';

/** The backgrounds of the pages, inside and outside of cards. Each can be behind text in a colour of the app. */
export const grounds = {
  light: { card: '#ffffff', ground: '#f4f5f7' },
  dark: { card: '#191b1e', ground: '#0e0f11' },
} as const;

export type Theme = keyof typeof grounds;

/** Minimum contrast of text. @see WCAG 2.2, criterion 1.4.3 */
const least = 4.5;

/** @param color as `#rrggbb` */
export const isReadable = (color: string, theme: Theme): boolean =>
  Object.values(grounds[theme]).every((ground) => contrast(color, ground) >= least);

const channelsOf = (color: string): number[] => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

/**
 * The nearest shade of a colour that can be read on the pages: darker on light backgrounds, lighter on dark ones. A
 * colour that can be read stays as it is.
 *
 * @param color as `#rrggbb`
 */
export function readable(color: string, theme: Theme): string {
  const end = theme === 'light' ? 0 : 255;
  const steps = 255;
  for (let step = 0; step < steps; step += 1) {
    const mixed = channelsOf(color).map((value) => Math.round(value + ((end - value) * step) / steps));
    const shade = `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
    if (isReadable(shade, theme)) return shade;
  }
  return theme === 'light' ? '#000000' : '#ffffff';
}
