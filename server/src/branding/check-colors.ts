import { ApiError } from '../http/errors.ts';
import { isReadable, readable, type Theme } from './readable-colors.ts';

const themes = { primaryColor: 'light', primaryColorDark: 'dark' } as const satisfies Record<string, Theme>;
type ColorField = keyof typeof themes;

/**
 * Checks that text in the new colours can be read on the pages.
 *
 * @throws ApiError `contrast_too_low` with the nearest shades that can be read
 */
export function checkColors(patch: { readonly [Field in ColorField]?: string | null | undefined }): void {
  const refused = (Object.keys(themes) as ColorField[]).flatMap((field) => {
    const color = patch[field];
    return color && !isReadable(color, themes[field]) ? [[field, readable(color, themes[field])] as const] : [];
  });
  if (refused.length === 0) return;
  const nearestColors = Object.fromEntries(refused);
  const advice = refused.map(([field, nearest]) => `${field}: ${nearest}`).join(', ');
  throw new ApiError('contrast_too_low', {
    detail: `Text in this colour cannot be read on the pages. Nearest colour with a contrast of 4.5 to 1: ${advice}.`,
    members: { nearestColors },
  });
}
