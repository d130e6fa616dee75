const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows NT\b/, 'Windows'],
  [/\b(?:Macintosh|Mac OS X)\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** The browsers in order of precedence, because nearly every browser also claims to be Safari. */
const programs: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?(?:iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/\S+ (?:Mobile\/\S+ )?Safari\//, 'Safari'],
  [/^curl\//, 'curl'],
  [/^node(?:$|\/)/, 'Node.js'],
  [/^(?:python|Python)\b/, 'Python'],
  [/^Go-http-client\//, 'Go'],
  [/^okhttp\//, 'OkHttp'],
];

const first = (table: typeof systems, text: string): string | undefined =>
  table.find(([pattern]) => pattern.test(text))?.[1];

/**
 * Names browser and system of a user agent. Returns only words of this file: strangers choose the user agent, and the
 * recipient trusts the mail.
 *
 * @returns undefined if neither is known
 * @example deviceName('Mozilla/5.0 (Windows NT 10.0; Win64; x64) … Chrome/142.0 Safari/537.36') // 'Chrome, Windows'
 */
export function deviceName(userAgent: string): string | undefined {
  const names = [first(programs, userAgent), first(systems, userAgent)].filter((name) => name !== undefined);
  return names.length === 0 ? undefined : names.join(', ');
}
