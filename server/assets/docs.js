// Loaded before the reference, whose places are named `#tag/…`; links of the form `#/tag/…` lead to the same ones.
function dropSlash() {
  if (location.hash.startsWith('#/')) location.replace(`#${location.hash.slice(2)}`);
}

dropSlash();
addEventListener('hashchange', dropSlash);

// The initial content of the page is removed as soon as the reference shows a heading.
new MutationObserver((_, observer) => {
  if (!document.querySelector('.references-rendered :is(h1, h2)')) return;
  document.getElementById('opening')?.remove();
  observer.disconnect();
}).observe(document.body, { childList: true, subtree: true });

// If the token field is empty, the reference sends an empty token. The service then ignores the cookie, and a person
// who signed in on this page would get 401.
const send = window.fetch;
window.fetch = (input, options) => {
  const request = new Request(input, options);
  if (/^Bearer\s*$/.test(request.headers.get('authorization') ?? '')) request.headers.delete('authorization');
  return send(request);
};
