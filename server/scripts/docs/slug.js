/**
 * The anchor that GitHub gives a heading, and we do too.
 *
 * @param {string} heading @returns {string}
 */
export const slugOf = (heading) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
