import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Font, LogoBackground } from '../branding/branding.schema.ts';
import { grounds, readable, type Theme } from '../branding/readable-colors.ts';
import { defaultColor, inkOn } from '../mail-texts/colors.ts';

const rules = `
*{box-sizing:border-box}
:root{color-scheme:light dark;
  font:16px/1.5 var(--font);
--text:#1c2024;--quiet:#60646c;--line:#d5d7dd;--edge:#80838d;
  --ground:${grounds.light.ground};--card:${grounds.light.card};--bad:#b42318;
  --bad-ground:#fef3f2;--good:#05603a;--good-ground:#ecfdf3}
@media (prefers-color-scheme:dark){:root{--text:#edeef0;--quiet:#b0b4ba;--line:#3a3d42;--edge:#7b818a;
  --ground:${grounds.dark.ground};--card:${grounds.dark.card};
  --bad:#fda29b;--bad-ground:#2c1513;--good:#75e0a7;--good-ground:#0c2418}}
body{margin:0;min-height:100vh;padding:1.5rem 1rem;background:var(--ground);color:var(--text);display:flex;
  flex-direction:column;align-items:center;justify-content:center}
body.wide{justify-content:flex-start}
main{width:100%;max-width:26rem;padding:2rem;background:var(--card);border:1px solid var(--line);
  border-radius:calc(var(--radius)*1.7)}
.wide main{max-width:44rem;background:none;border:0;padding:.5rem 0}
.brand{display:flex;align-items:center;gap:.6rem;margin:0 0 1.25rem;color:var(--quiet);font-weight:600;
  overflow-wrap:anywhere}
.brand::before{content:"";inline-size:.85rem;block-size:.85rem;border-radius:.25rem;background:var(--accent);
  border:1px solid var(--edge);flex:none}
.logo{margin:0 0 1.25rem}
.logo img{display:block;inline-size:auto;block-size:auto;max-inline-size:min(100%,15rem);max-block-size:3.5rem}
.top .logo{margin:0}
.wide .brand{justify-content:flex-start}
.below{width:100%;max-width:26rem;margin:1.25rem 0 0;text-align:center;color:var(--quiet);font-size:.87rem}
.wide .below{max-width:44rem}
.below p{margin:0 0 .5rem;overflow-wrap:anywhere}
.links{display:flex;flex-wrap:wrap;gap:.4rem 1.25rem;justify-content:center}
.links a{display:inline-block;padding:.25rem 0}
h1{font-size:1.45rem;line-height:1.3;margin:0 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .9rem}
p{margin:0 0 1rem;overflow-wrap:anywhere}
.quiet,.hint{color:var(--quiet)}
.hint{font-size:.87rem;margin:.35rem 0 0}
a{color:var(--link);text-underline-offset:.2em}
form{margin:0}
.field{margin:0 0 1rem}
label{display:block;font-weight:600;font-size:.93rem;margin:0 0 .3rem}
input,select{display:block;width:100%;min-height:2.75rem;padding:.5rem .75rem;font:inherit;color:inherit;
  background:var(--card);border:1px solid var(--edge);border-radius:var(--radius)}
.check{display:flex;gap:.6rem;align-items:center;min-height:2rem;font-weight:400;font-size:1rem;overflow-wrap:anywhere}
.check input{inline-size:1.25rem;min-height:1.25rem;block-size:1.25rem;flex:none;accent-color:var(--accent)}
.check>span{min-width:0}
li form+form{margin-block-start:0}
form+p{margin-block-start:1rem}
fieldset{margin:0 0 1rem;padding:0;border:0;min-width:0}
legend{font-weight:600;font-size:.93rem;margin:0 0 .3rem;padding:0}
nav{display:flex;flex-wrap:wrap;gap:.4rem 1.25rem;margin:0 0 1.25rem}
input.code{font-family:ui-monospace,monospace;letter-spacing:.12em}
[aria-invalid=true]{border:2px solid var(--bad)}
.fault{color:var(--bad);font-size:.87rem;margin:.35rem 0 0}
.alert,.note{padding:.7rem .9rem;border-radius:var(--radius);border:1px solid;margin:0 0 1.1rem}
.alert{color:var(--bad);background:var(--bad-ground)}
.note{color:var(--good);background:var(--good-ground)}
button,.button{display:block;width:100%;min-height:2.75rem;padding:.55rem 1rem;font:inherit;font-weight:600;
  text-align:center;text-decoration:none;color:var(--ink);background:var(--accent);border:1px solid var(--edge);
  border-radius:var(--radius);cursor:pointer}
[hidden],.way:empty{display:none}
.way+.way{margin-block-start:.6rem}
.check{display:flex;gap:.6rem;align-items:center;font-weight:400;margin:0 0 1rem;min-height:1.75rem}
.check input{width:1.2rem;height:1.2rem;min-height:0;flex:none;margin:0;accent-color:var(--accent)}
.passkey,noscript>p,noscript+*{margin-block-start:.6rem}
button.second,.button.second{color:var(--text);background:transparent}
button.plain{display:inline;width:auto;min-height:0;padding:0;border:0;background:none;color:inherit;font-weight:400;
  text-decoration:underline;text-underline-offset:.2em}
button+button,form+form{margin-block-start:.6rem}
:focus-visible{outline:3px solid var(--text);outline-offset:2px}
.who{display:flex;justify-content:space-between;gap:1rem;align-items:baseline;margin:0 0 1rem;padding:.6rem .9rem;
  border:1px solid var(--line);border-radius:var(--radius);overflow-wrap:anywhere}
.after{margin:1.25rem 0 0;display:flex;flex-wrap:wrap;gap:.4rem 1.25rem}
section>.after:first-child{margin:0}
section{padding:1.5rem;margin:0 0 1.25rem;background:var(--card);border:1px solid var(--line);
  border-radius:calc(var(--radius)*1.7)}
img.qr{background:#fff;padding:.5rem;border-radius:var(--radius)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:600 1rem/1.8 ui-monospace,monospace}
section button{width:auto;display:inline-block}
ul{list-style:none;margin:0;padding:0}
li{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between;padding:.7rem 0;
  border-block-start:1px solid var(--line)}
li:first-child{border:0}
li>div{min-width:0;flex:1 1 14rem;overflow-wrap:anywhere}
.mark{display:inline-block;font-size:.8rem;font-weight:600;padding:.1rem .5rem;border:1px solid;border-radius:1rem;
  margin-inline-start:.4rem}
.mark.good{color:var(--good)}.mark.bad{color:var(--bad)}
.top{display:flex;flex-wrap:wrap;gap:1rem;justify-content:space-between;align-items:center;margin:0 0 1.25rem}
.top .brand{margin:0}
.top button{width:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:0 1rem}
@media (max-width:30rem){main{padding:1.5rem 1.15rem}.wide main{padding:0}section{padding:1.15rem}}
@media (forced-colors:active){.brand::before{forced-color-adjust:none}}
@media (prefers-reduced-motion:no-preference){button,.button{transition:filter .15s}button:hover,.button:hover{
  filter:brightness(1.08)}}
`;

const arabic = '"Noto Sans Arabic"';
/** Fonts of the device. None is loaded from elsewhere. */
const fonts: Readonly<Record<Font, string>> = {
  system: `system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",${arabic},sans-serif`,
  humanist: `Seravek,"Gill Sans Nova",Ubuntu,Calibri,"DejaVu Sans","Noto Sans",${arabic},sans-serif`,
  serif: 'Charter,"Bitstream Charter",Cambria,"Noto Serif","Noto Naskh Arabic",serif',
  rounded: `ui-rounded,"Hiragino Maru Gothic ProN",Quicksand,Nunito,"Arial Rounded MT Bold",${arabic},sans-serif`,
  monospace: `ui-monospace,"Cascadia Code",Menlo,Consolas,"DejaVu Sans Mono",${arabic},monospace`,
};

/** The values of an app or organization that determine the style of its pages. null: the default. */
export interface StyleValues {
  readonly primaryColor: string | null;
  readonly primaryColorDark: string | null;
  readonly radius: number | null;
  readonly font: Font | null;
  readonly logoBackground: LogoBackground | null;
}

export interface PageStyle {
  readonly text: string;
  /** The hash of the style, as the content security policy of a page needs it. */
  readonly source: string;
}

/** The mail settings accept every colour, so links get the nearest readable shade. */
const colorsOf = (accent: string, theme: Theme): string =>
  `:root{--accent:${accent};--ink:${inkOn(accent)};--link:${readable(accent, theme)}}`;

/** In the mode for which the logo is not made, the logo gets the background of the other mode. */
function groundOfLogo(made: Theme): string {
  const other = made === 'light' ? 'dark' : 'light';
  return `@media (prefers-color-scheme:${other}){.logo img{background:${grounds[made].card};padding:.4rem;
  border-radius:var(--radius)}}`;
}

function textOf({ primaryColor, primaryColorDark, radius, font, logoBackground }: StyleValues): string {
  const light = primaryColor ?? defaultColor;
  const dark = primaryColorDark ?? readable(light, 'dark');
  const shape = `:root{--radius:${radius ?? 8}px;--font:${fonts[font ?? 'system']}}`;
  const colors = `${colorsOf(light, 'light')}@media (prefers-color-scheme:dark){${colorsOf(dark, 'dark')}}`;
  return `${shape}${colors}${rules}${groundOfLogo(logoBackground ?? 'light')}`;
}

const styles = new LRUCache<string, PageStyle>({ max: 200 });

/** The style of the pages of an app or organization. */
export function styleOf(values: StyleValues): PageStyle {
  const { primaryColor, primaryColorDark, radius, font, logoBackground } = values;
  const key = [primaryColor, primaryColorDark, radius, font, logoBackground].join();
  const known = styles.get(key);
  if (known) return known;
  const text = textOf(values);
  const made = { text, source: `'sha256-${createHash('sha256').update(text).digest('base64')}'` };
  styles.set(key, made);
  return made;
}
