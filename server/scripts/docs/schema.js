/**
 * The text of the generated pages about a JSON schema of the OpenAPI document.
 *
 * @typedef {object} Schema
 * @property {string} [$ref]
 * @property {string | string[]} [type]
 * @property {string} [description]
 * @property {unknown[]} [examples]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {Schema} [items]
 * @property {unknown[]} [enum]
 * @property {unknown} [const]
 * @property {string} [format]
 * @property {Schema[]} [anyOf]
 * @property {Schema[]} [oneOf]
 * @property {unknown} [default]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [minLength]
 * @property {number} [maxLength]
 * @property {number} [maxItems]
 *
 * @typedef {{ components: { schemas: Record<string, Schema> } }} WithSchemas
 */

/** @param {WithSchemas} document @param {Schema} schema @returns {Schema} */
export function resolve(document, schema) {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : resolve(document, document.components.schemas[name] ?? {});
}

/**
 * @param {WithSchemas} document @param {Schema} given @returns {unknown} an example value, without ignored fields
 */
export function exampleOf(document, given) {
  const schema = resolve(document, given);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.length) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first) return exampleOf(document, first);
  if (schema.properties)
    return Object.fromEntries(
      Object.entries(schema.properties)
        .filter(([, { description = '' }]) => !description.startsWith('Accepted and ignored'))
        .map(([name, property]) => [name, exampleOf(document, property)]),
    );
  if (schema.items) return [exampleOf(document, schema.items)];
  const [type] = [schema.type ?? 'object'].flat();
  return { string: 'text', integer: 1, number: 1, boolean: true, object: {}, null: null }[type ?? 'object'];
}

/** @param {WithSchemas} document @param {Schema} given @returns {string} e.g. `string`, `array of integer` */
export function typeOf(document, given) {
  const schema = resolve(document, given);
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts) return [...new Set(parts.map((part) => typeOf(document, part)))].join(' or ');
  if (schema.items) return `array of ${typeOf(document, schema.items)}`;
  return [schema.type ?? 'object'].flat().join(' or ');
}

/** @param {Schema} schema @returns {string} bounds in words, empty if there are none */
export function boundsOf({ minimum, maximum, minLength, maxLength, maxItems }) {
  const bounds = [
    minimum !== undefined && maximum !== undefined && `${minimum} to ${maximum}`,
    minimum !== undefined && maximum === undefined && `at least ${minimum}`,
    minimum === undefined && maximum !== undefined && `at most ${maximum}`,
    minLength !== undefined && minLength > 1 && `at least ${minLength} characters`,
    maxLength !== undefined && `at most ${maxLength} characters`,
    maxItems !== undefined && `at most ${maxItems} entries`,
  ];
  return bounds.filter(Boolean).join(', ');
}

/**
 * @param {WithSchemas} document @param {Schema} given @param {string} [prefix]
 * @returns {{ name: string, schema: Schema, required: boolean }[]} the fields of an object, including those of nested
 *   objects
 */
export function fieldsOf(document, given, prefix = '') {
  const schema = resolve(document, given);
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const name = prefix + key;
    const resolved = resolve(document, property);
    const required = schema.required?.includes(key) ?? false;
    const own = { name, schema: { ...resolved, ...property }, required };
    const inside = resolved.items ? resolve(document, resolved.items) : resolved;
    return [own, ...fieldsOf(document, inside, `${name}${resolved.items ? '[]' : ''}.`)];
  });
}
