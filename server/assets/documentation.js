import MiniSearch from 'minisearch';

/** The search of the documentation. The index is loaded when the search field is first focused. */
const options = { fields: ['title', 'page', 'text'], storeFields: ['title', 'page'] };
const script = /** @type {HTMLScriptElement} */ (document.querySelector('script[data-index]'));
const box = /** @type {HTMLElement} */ (document.getElementById('search'));
const field = /** @type {HTMLInputElement} */ (document.getElementById('query'));
const found = /** @type {HTMLOutputElement} */ (document.getElementById('found'));

/** @type {Promise<MiniSearch> | undefined} */
let index;
const loadIndex = () =>
  (index ??= fetch(script.dataset['index'] ?? '').then(async (response) =>
    MiniSearch.loadJSON(await response.text(), options),
  ));

/** @param {{ id: string, title: string, page: string }} result */
function toItem({ id, title, page }) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = id;
  link.textContent = title === page ? title : `${page}: ${title}`;
  item.append(link);
  return item;
}

async function search() {
  const query = field.value.trim();
  const loaded = await loadIndex();
  if (query !== field.value.trim()) return;
  const results = query === '' ? [] : loaded.search(query, { prefix: true, fuzzy: 0.15, boost: { title: 3, page: 2 } });
  const list = document.createElement('ul');
  list.append(...results.slice(0, 12).map((result) => toItem(/** @type {any} */ (result))));
  found.replaceChildren(...(query === '' ? [] : results.length === 0 ? ['Nothing found.'] : [list]));
}

field.addEventListener('focus', () => void loadIndex());
field.addEventListener('input', () => void search());
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement === document.body) {
    event.preventDefault();
    field.focus();
  }
  if (event.key === 'Escape' && box.contains(document.activeElement)) {
    field.value = '';
    found.replaceChildren();
    field.blur();
  }
});
box.hidden = false;
