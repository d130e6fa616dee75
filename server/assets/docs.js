// The reference names its places `#tag/…`; links of the form `#/tag/…` lead to the same ones. Loaded before it.
function dropSlash() {
  if (location.hash.startsWith('#/')) location.replace(`#${location.hash.slice(2)}`);
}

dropSlash();
addEventListener('hashchange', dropSlash);
