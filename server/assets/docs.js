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

// Calls of the reference send no cookies and keep none: a fault in it must not act with the session of a person who is
// signed in. The document itself is preloaded, which needs the same mode.
const send = window.fetch;
window.fetch = (input, options) => {
  const request = new Request(input, options);
  const isDocument = request.url === new URL('/openapi.json', location.href).href;
  return send(isDocument ? request : new Request(request, { credentials: 'omit' }));
};

// The reference needs no other way to send a request.
for (const name of ['XMLHttpRequest', 'EventSource', 'WebSocket', 'WebTransport']) Reflect.deleteProperty(window, name);
Reflect.deleteProperty(Navigator.prototype, 'sendBeacon');
