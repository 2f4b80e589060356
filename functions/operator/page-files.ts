import type { Hono } from 'hono';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';

/** No inline script, no other host, no frame, no form: a value from the cluster cannot become code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/main.js': { file: 'main.js', type: 'text/javascript; charset=utf-8' },
  '/main.css': { file: 'main.css', type: 'text/css; charset=utf-8' },
};

interface Loaded {
  readonly body: Buffer<ArrayBuffer>;
  readonly zipped: Buffer<ArrayBuffer>;
  readonly etag: string;
}

const load = async (url: URL): Promise<Loaded> => {
  try {
    const body = Buffer.from(await readFile(url));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    return { body, zipped: Buffer.from(gzipSync(body, { level: 9 })), etag };
  } catch (cause) {
    throw new NimbusError('upstream.unavailable', 'the page was not built: run `make build`', {
      cause,
    });
  }
};

/** Serves the console's three files from `directory`, compressed and with a strict policy. */
export function servePage(app: Hono, directory: URL): void {
  for (const [path, { file, type }] of Object.entries(FILES)) {
    let loaded: Promise<Loaded> | undefined;
    app.get(path, async (c) => {
      loaded ??= load(new URL(file, directory));
      loaded.catch(() => (loaded = undefined)); // it may be built by the next request
      const { body, zipped, etag } = await loaded;
      const headers = {
        'content-type': type,
        'content-security-policy': POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache', // asks each time, is answered 304: an update is seen at once
        vary: 'accept-encoding',
        etag,
      };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      const zip = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
      return zip
        ? c.body(zipped, 200, { ...headers, 'content-encoding': 'gzip' })
        : c.body(body, 200, headers);
    });
  }
}
