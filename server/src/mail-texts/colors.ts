/** A colour, as `#rrggbb`. */
type Color = string;

/** Colour of buttons, unless the app sets one. */
export const defaultColor: Color = '#1f5fd0';

const white = '#ffffff';
const black = '#000000';
/** Has enough contrast on white and on dark backgrounds. */
const middleGrey = '#767676';
/** Background colours of mails in light and dark mode. */
const grounds = [white, '#1c1c1e'];

function channel(color: Color, start: number): number {
  const value = Number.parseInt(color.slice(start, start + 2), 16) / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** @see WCAG 2.2, relative luminance */
const luminance = (color: Color): number =>
  0.2126 * channel(color, 1) + 0.7152 * channel(color, 3) + 0.0722 * channel(color, 5);

/** The contrast of two colours, from 1 (equal colours) to 21 (black on white). @see WCAG 2.2, contrast ratio */
export function contrast(one: Color, other: Color): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Black or white, the one that is easier to read on the colour. The contrast is at least 4.5 to 1 on every colour. */
export const inkOn = (color: Color): Color => (contrast(color, white) >= contrast(color, black) ? white : black);

/** A border that shows the edge of a button, also if its colour is similar to the background. */
export const borderOf = (color: Color): Color =>
  grounds.every((ground) => contrast(color, ground) >= 1.5) ? color : middleGrey;
