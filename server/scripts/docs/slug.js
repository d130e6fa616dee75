/**
 * The anchor of a heading, by the rules of GitHub.
 *
 * @param {string} heading @returns {string}
 */
export const slugOf = (heading) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
