import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { toOpenApi } from '../openapi/openapi.ts';
import { type Call, type Route, route } from '../calls/route.ts';
import { anyQuery } from '../http/any-query.ts';
import { assetUrl, contentHash, findAsset } from '../http/assets.ts';
import { ifServed, sendPage, wantsMarkdown } from './documentation-answers.ts';
import { findDocumentationAsset } from './documentation.ts';
import { html, type Html } from '../http/html.ts';
import { encodings, type Negotiable, sendNegotiated, varyBy } from '../http/negotiated.ts';

/** Disables everything that would make the page contact other servers. */
const scalarConfiguration = {
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
  // Rendering all operations of a group blocks the page for seconds, so a group is rendered when it is opened.
  defaultOpenFirstTag: false,
  // Requests go to the origin of the page, which can differ from PUBLIC_URL (localhost, 127.0.0.1).
  servers: [{ url: '/' }],
  authentication: {
    preferredSecurityScheme: [['appName', 'bearerToken']],
    securitySchemes: { appName: { value: 'demo' } },
  },
};

/** Scalar adds inline styles to the page. Scripts are loaded from this server only. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Content of the page until the reference is rendered (docs.js watches for that), or without JavaScript. */
const opening = html`<main id="opening">
  <h1>Gatehouse API</h1>
  <p>The reference is opening.</p>
  <noscript><p>It needs JavaScript, which is off here.</p></noscript>
  <p>
    The same as data: <a href="/openapi.json">openapi.json</a>. What each error code means:
    <a href="/errors">/errors</a>.
  </p>
</main>`;

/** Covers the reference, with its heading at the place of the heading of the reference. */
const openingStyle = html`<style>
  #opening {
    position: fixed;
    inset: 0;
    z-index: 1000;
    padding: 5rem 1.5rem;
    overflow: auto;
    background: Canvas;
    color: CanvasText;
    color-scheme: light dark;
    font:
      1rem/1.6 system-ui,
      sans-serif;
  }
  @media (min-width: 1000px) {
    #opening {
      padding-inline-start: 348px;
    }
  }
</style>`;

const page = (): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Gatehouse API</title>
        <link rel="icon" href="data:," />
        <link rel="preload" href="/openapi.json" as="fetch" crossorigin="anonymous" />
        ${openingStyle}
      </head>
      <body>
        ${opening}
        <script src="${assetUrl('docs.js')}"></script>
        <script
          id="api-reference"
          data-url="/openapi.json"
          data-configuration="${JSON.stringify(scalarConfiguration)}"
        ></script>
        <script src="${assetUrl('scalar.js')}"></script>
      </body>
    </html> `;

/** The document as it is sent. It is compressed once, in a few milliseconds. */
function packDocument(routes: readonly Route[], publicUrl: string): Negotiable {
  const identity = Buffer.from(JSON.stringify(toOpenApi(routes, publicUrl)));
  const br = brotliCompressSync(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  const packed = { br, gzip: gzipSync(identity), identity };
  return {
    type: 'application/json; charset=utf-8',
    hash: contentHash(identity),
    cacheControl: 'public, no-cache',
    available: encodings,
    read: (encoding) => packed[encoding],
  };
}

async function sendDocs(call: Call): Promise<void> {
  const { request, reply } = call;
  if (wantsMarkdown(request)) return sendPage(call, '/docs/api');
  varyBy(reply, 'Accept');
  reply.header('link', '</docs.md>; rel="alternate"; type="text/markdown"');
  const headers = {
    'content-security-policy': contentSecurityPolicy,
    'permissions-policy': 'publickey-credentials-get=(), publickey-credentials-create=()',
    'cache-control': 'public, no-cache',
  };
  await reply.headers(headers).type('text/html; charset=utf-8').send(page().markup);
}

async function sendAsset({ request, reply, params }: Call<{ file: string }>): Promise<void> {
  const asset = findAsset(params.file) ?? findDocumentationAsset(params.file);
  if (!asset) throw new ApiError('route_not_found');
  await sendNegotiated(request, reply, asset);
}

/** Returns the compressed document for an origin. A process has one origin, so it compresses the document once. */
function documentCache(routes: () => readonly Route[]): (publicUrl: string) => Negotiable {
  const documents = new Map<string, Negotiable>();
  return (publicUrl) => {
    const packed = documents.get(publicUrl) ?? packDocument(routes(), publicUrl);
    documents.set(publicUrl, packed);
    return packed;
  };
}

const openApiDocument = (documentOf: (publicUrl: string) => Negotiable): Route =>
  route({
    method: 'GET',
    url: '/openapi.json',
    operationId: 'getOpenApiDocument',
    tag: 'platform',
    summary: 'OpenAPI document',
    description: 'The OpenAPI 3.1 document of this service.',
    access: publicAccess({ app: 'none' }),
    query: anyQuery,
    response: { status: 200, description: 'The document.' },
    hidden: true,
    handler: ifServed(({ request, reply, services }: Call) =>
      sendNegotiated(request, reply, documentOf(services.config.publicUrl)),
    ),
    errors: ['route_not_found'],
  });

const docs = route({
  method: 'GET',
  url: '/docs',
  operationId: 'showDocs',
  tag: 'platform',
  summary: 'API reference',
  description: 'The reference of the API. You can try every operation in it.',
  access: publicAccess({ app: 'none' }),
  query: anyQuery,
  response: { status: 200, description: 'The page.' },
  hidden: true,
  errors: ['route_not_found'],
  handler: ifServed(sendDocs),
});

const docsAsset = route({
  method: 'GET',
  url: '/docs/assets/:file',
  operationId: 'getDocsAsset',
  tag: 'platform',
  summary: 'A file that the pages load',
  description: 'Scripts and styles. The name changes with the content.',
  access: publicAccess({ app: 'none' }),
  params: z.strictObject({ file: z.string().meta({ description: 'Name of the file.', examples: ['docs.js'] }) }),
  response: { status: 200, description: 'The file.' },
  errors: ['route_not_found'],
  hidden: true,
  handler: ifServed(sendAsset),
});

/**
 * The description of the API, for programs and for people.
 *
 * @param routes the whole route table, including these routes; called at the first request of the document
 */
export const docsRoutes = (routes: () => readonly Route[]): Route[] => [
  openApiDocument(documentCache(routes)),
  docs,
  docsAsset,
];
