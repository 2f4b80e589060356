import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { launched, seriousFindings } from '#functions/operator/testing/browser.ts';
import { page } from './html.ts';
import { table } from './markdown.ts';
import { timelinePicture } from './picture.ts';

const NAMES = ['<img src=x onerror=alert(1)> & "q" | pipe', 'W'.repeat(240)];
const timeline = { demand: [40, 80, 60], ready: [2, 3, 2], paid: [2, 3, 2], violating: [0, 1, 0] };

const report = (name: string): string =>
  page(`Replay of ${name}`, [
    `Trace ${name}, policy web.`,
    table(['trace', 'violating', ''], [[name, '0.100 %', 'holds']]),
    timelinePicture(name, [{ name: 'HPA-70', timeline }]),
  ]);

test.each([
  [1280, 'light'],
  [390, 'light'],
  [390, 'dark'],
] as const)(
  'a report %i pixels wide, %s: names are text, nothing overflows',
  async (width, colorScheme) => {
    const browser = await launched();
    try {
      const view = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
      const dialogs: string[] = [];
      view.on('dialog', (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss();
      });
      for (const name of NAMES) {
        const file = join(mkdtempSync(join(tmpdir(), 'report-')), 'report.html');
        writeFileSync(file, report(name));
        await view.goto(pathToFileURL(file).href);
        expect(await view.locator('td').allTextContents()).toEqual(['', name, '0.100 %', 'holds']);
        expect(await view.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
        expect(await seriousFindings(view)).toEqual([]);
      }
      expect(dialogs).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);
