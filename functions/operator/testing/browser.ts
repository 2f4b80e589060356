// What tests of the console need: the page as the build makes it, and Chromium.
import { build } from 'esbuild';
import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';

const SOURCES = fileURLToPath(new URL('../page/', import.meta.url));

/** The folder of the page's three files. */
export async function builtPage(): Promise<URL> {
  const directory = await mkdtemp(join(tmpdir(), 'console-'));
  await build({
    ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022' },
    entryPoints: [join(SOURCES, 'main.ts'), join(SOURCES, 'main.css')],
    outdir: directory,
    logLevel: 'warning',
  });
  await copyFile(join(SOURCES, 'index.html'), join(directory, 'index.html'));
  return pathToFileURL(`${directory}/`);
}

export const launched = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });

/**
 * Where all that `selector` finds stand, in pixels. Found and measured in one turn of the page: a handle that
 * Playwright found a moment ago may belong to a row that news have replaced since, which stands nowhere.
 */
export const boxesOf = (page: Page, selector: string): Promise<DOMRect[]> =>
  page.evaluate(
    (sought) =>
      [...document.querySelectorAll(sought)].map(
        (each) => each.getBoundingClientRect().toJSON() as DOMRect,
      ),
    selector,
  );

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core finds on the page as it is now, of those that keep somebody from using it. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const found = await page.evaluate<Finding[]>('axe.run().then(({ violations }) => violations)');
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}
