// load-generator: seeded open-loop load on the targets it is allowed. Writes nothing.
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { connectWith } from './connect.ts';
import { loadGenerator } from './handler.ts';
import { tracesIn } from './traces.ts';

const config = loadConfig(process.env);
const generator = loadGenerator({
  config,
  resolve: (hostname) => lookup(hostname, { all: true }),
  connect: connectWith(config),
  readTrace: tracesIn(config.TRACE_DIR),
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  newId: () => randomBytes(8).toString('hex'),
});

await start(generator, serveOptionsOf(config));
