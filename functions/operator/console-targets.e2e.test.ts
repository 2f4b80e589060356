// The console in a real browser where targets come and go, links are old, and the operator is away.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  DecisionMade,
  StateObserved,
  type ObservedState,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { listenTo, type Running } from '#shared/runtime/serve.ts';
import { boxesOf, builtPage, launched, seriousFindings } from './testing/browser.ts';
import { anOperator, aTunnel, delivery } from './testing/harness.ts';
import { session } from './testing/session.ts';
import type { DecisionRecord } from './view.ts';

const ID = 'nimbusguard/consumer-workload';
const BEATS = 140;

let folder: URL;
let browser: Browser;
let running: Running;
let base: string;
let nowMs: number;
let events: UnknownEvent[];
let page: Page;

beforeAll(async () => {
  folder = await builtPage();
  browser = await launched();
});
afterAll(() => browser.close());

beforeEach(async () => {
  nowMs = Date.now();
  const live = session(nowMs - BEATS * 5000 - 1000, 3);
  const made = Array.from({ length: BEATS }, () => live.next().value).flat();
  events = made.map(({ event }) => event);
  const eventLog = {
    replay(take: (event: UnknownEvent, atMs: number) => void): Promise<void> {
      for (const { event, atMs } of made) take(event, atMs);
      return Promise.resolve();
    },
  };
  const spec = anOperator({ nowMs: () => nowMs, eventLog, page: folder });
  running = await listenTo(spec, { port: 0, host: '127.0.0.1', logLevel: 'silent', graceMs: 100 });
  base = `http://127.0.0.1:${String(running.port)}`;
  page = await (await browser.newContext({ viewport: { width: 1360, height: 900 } })).newPage();
});
afterEach(async () => {
  await page.context().close();
  await running.stop();
});

const send = async (event: UnknownEvent, path = ''): Promise<void> => {
  const { headers, method } = delivery(event);
  const answer = await fetch(base + path, { method, headers, body: JSON.stringify(event) });
  expect(answer.status).toBe(204);
};

const records = async (query: string): Promise<DecisionRecord[]> =>
  (await (await fetch(`${base}/api/decisions?${query}`)).json()) as DecisionRecord[];

/** The newest observation as that of a target of another name, or what its target's problem is. */
function observed(name: string, problem: ObservedState['problem'] = null): UnknownEvent {
  const last = events.findLast(({ type }) => type === StateObserved.type)!;
  const { data } = StateObserved.parse(last);
  const policy = { ...data.policy, name, uid: `policy-${name}` };
  const target = { ...data.target!, name, uid: name };
  const observedAtMs = data.observedAtMs + (problem === null ? 0 : 1000);
  return {
    ...last,
    id: `${name}-${String(observedAtMs)}`,
    data: { ...data, policy, target, problem, observedAtMs },
  };
}

/** As many decisions of the first target as `count`, five seconds apart, newest last. */
async function decide(count: number): Promise<void> {
  const last = events.findLast(({ type }) => type === DecisionMade.type)!;
  const { data, ...envelope } = DecisionMade.parse(last);
  for (let n = 1; n <= count; n++) {
    const id = `later-${String(n)}`;
    const atMs = data.inputs!.atMs + n * 5;
    const later = { ...data, id, sequence: data.sequence + n, inputs: { ...data.inputs!, atMs } };
    await send(DecisionMade.build({ ...envelope, id }, later));
  }
}

const shownIds = (): Promise<(string | null)[]> =>
  page
    .locator('.decision-list button')
    .evaluateAll((all) => all.map((each) => each.getAttribute('data-id')));
const headline = (): Promise<string | null> => page.locator('#headline h1').textContent();

test('a target that comes while the page is open can be chosen', async () => {
  await page.goto(base);
  await page.locator('.decision-list li').first().waitFor();
  await send(observed('web'));
  await page.locator('#target option[value="nimbusguard/web"]').waitFor({ state: 'attached' });
  await page.locator('#target').selectOption('nimbusguard/web');
  await expect.poll(headline).toMatch(/^web: /);
});

test('a target in trouble is told while another one is shown, and a click leads to it', async () => {
  await send(observed('web'));
  await page.goto(`${base}/?target=${ID}`);
  await page.locator('#target option').nth(1).waitFor({ state: 'attached' });
  const others = page.locator('.others');
  expect(await others.isVisible()).toBe(false);
  const message = 'there is no Deployment web in namespace nimbusguard';
  await send(observed('web', { reason: 'TargetMissing', message }));
  await expect.poll(() => others.textContent()).toBe('Another target: Data stale');
  expect(await page.locator('#target option').nth(1).textContent()).toContain('Data stale');
  expect(await seriousFindings(page)).toEqual([]);
  await others.click();
  await expect.poll(headline).toBe(`web: ${message}`);
  await expect.poll(() => others.isVisible()).toBe(false);
});

test('a link to a target that is not there yet waits for it, and shows no other', async () => {
  await page.goto(`${base}/?target=nimbusguard/web`);
  await expect.poll(headline).toBe('nimbusguard/web is not observed.');
  expect(await page.locator('#target').inputValue()).toBe('nimbusguard/web');
  await send(observed('web'));
  await expect.poll(headline).toMatch(/^web: /);
});

test('a name of 253 characters leaves everything in its place', async () => {
  await send(observed('x'.repeat(253)));
  await page.goto(`${base}/?target=nimbusguard/${'x'.repeat(253)}`);
  await page.locator('#target option').nth(1).waitFor({ state: 'attached' });
  await expect.poll(headline).toContain('xxx');
  for (const width of [1360, 360]) {
    await page.setViewportSize({ width, height: 740 });
    const beyond = 'document.documentElement.scrollWidth - innerWidth';
    await expect.poll(() => page.evaluate<number>(beyond)).toBeLessThanOrEqual(0);
    const [brand] = await boxesOf(page, '.brand');
    expect(brand?.height).toBeLessThan(50);
  }
});

test('a link to a decision that is forgotten says so', async () => {
  await page.goto(`${base}/?target=${ID}&decision=long-ago`);
  await page.locator('.decision-list li').first().waitFor();
  const banner = page.locator('#banner');
  await expect.poll(() => banner.textContent()).toContain('long-ago is not in memory');
  await page.waitForTimeout(1000); // the stream is open by now: that must not wipe it away
  expect(await banner.textContent()).toContain('long-ago is not in memory');
});

test('a link to an old decision opens it, and the list under it has no gap', async () => {
  const [oldest] = (await records('limit=1000')).slice(-1);
  await decide(90);
  await page.goto(`${base}/?target=${ID}&decision=${oldest?.id ?? ''}`);
  await page.locator('#detail h3').waitFor();
  await expect.poll(() => page.locator('#detail').textContent()).toContain(oldest?.id);
  const all = (await records('limit=1000')).map(({ id }) => id);
  await expect.poll(shownIds).toEqual(all.slice(0, 60));
  await page.getByRole('button', { name: 'Older decisions' }).click();
  await expect.poll(shownIds).toEqual(all.slice(0, 100));
});

test('what is unfolded to be read stays so while news arrive', async () => {
  const letter = { ...events[0]!, knativeerrordest: 'http://decider', knativeerrorcode: 422 };
  await send(letter, '/dead-letters');
  await page.goto(base);
  const first = page.locator('.letters details').first();
  await first.locator('summary').press('Enter');
  await page.locator('.function').first().press('Enter'); // shown when the chain is drawn again
  await first.locator('summary').focus();
  await send(observed('web'));
  await page.waitForTimeout(1500);
  await send({ ...letter, id: 'another' }, '/dead-letters');
  await expect.poll(() => page.locator('.letters details').count()).toBe(2);
  const unfolded = page.locator('.letters details[open]');
  expect(await unfolded.count()).toBe(1);
  expect(await unfolded.locator('p').textContent()).toContain(`id ${events[0]!.id} `);
});

test('where the operator is away the state is stale by itself, and not for ever healthy', async () => {
  await page.goto(base);
  await page.locator('.decision-list li').first().waitFor();
  expect(await page.locator('.state').textContent()).not.toContain('stale');
  await page.context().setOffline(true);
  await expect
    .poll(() => page.locator('.state').textContent(), { timeout: 30_000 })
    .toMatch(/^Data stale · \d+ s$/);
  expect(await page.title()).toMatch(/^Data stale/);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expect.poll(() => seriousFindings(page)).toEqual([]); // colours fade over
  }
});

test('where the operator does not answer from the start the page says so, and nothing of targets', async () => {
  await page.route('**/api/**', (route) => route.abort());
  await page.goto(base);
  await expect.poll(() => page.locator('#banner').textContent()).toContain('does not answer');
  expect(await page.locator('#headline').textContent()).toContain('Waiting for the operator');
  expect(await page.locator('#headline').textContent()).not.toContain('No target');
  await page.unroute('**/api/**');
  await expect.poll(headline).toMatch(/^consumer-workload: /);
  await expect.poll(() => page.locator('#banner').textContent()).toBe('');
});

test('before the operator answers nothing stands there that would be its answer', async () => {
  let answer = (): void => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/api/**', async (route) => {
    await asked;
    await route.continue();
  });
  await page.goto(base);
  await page.getByText('Waiting for the operator').waitFor();
  for (const early of ['Older decisions', 'Older ones:', 'Dead letters']) {
    expect(await page.getByText(early).isVisible()).toBe(false);
  }
  expect(await page.locator('#target').isVisible()).toBe(false);
  answer();
  await page.locator('.decision-list li').first().waitFor();
  expect(await page.locator('#target').isVisible()).toBe(true);
});

test('a change of hundreds of pods stands on one line, and big figures stay in their places', async () => {
  const last = events.findLast(({ type }) => type === DecisionMade.type)!;
  const { data, ...envelope } = DecisionMade.parse(last);
  const change = { kind: 'scale' as const, from: 20, to: 330, sequence: data.sequence + 1 };
  await send(DecisionMade.build({ ...envelope, id: 'big' }, { ...data, ...change, id: 'big' }));
  await page.goto(base);
  const badge = `[data-id="big"] .badge`;
  await expect.poll(() => boxesOf(page, badge)).toHaveLength(1);
  const [box] = await boxesOf(page, badge);
  expect(box?.height).toBeLessThan(30);
  expect(box?.width).toBeLessThan(60); // its column, before the sentence

  await page.setViewportSize({ width: 390, height: 844 });
  const beyond = await page.evaluate<number[]>(`
    [...document.querySelectorAll('.figure')].map((figure) => {
      const value = figure.querySelector('b');
      value.textContent = '+10.0 pod-min';
      return value.getBoundingClientRect().right - figure.getBoundingClientRect().right;
    })`);
  expect(beyond.length).toBe(6);
  expect(Math.max(...beyond)).toBeLessThanOrEqual(0);
});

test('however often the page starts over, it follows one stream', async () => {
  await page.addInitScript(`
    window.streams = [];
    const Real = window.EventSource;
    window.EventSource = class extends Real {
      constructor(url) { super(url); window.streams.push(this); }
    };
  `);
  await send(observed('web'));
  await page.route('**/api/series*', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await route.continue();
  });
  await page.goto(base);
  await page.locator('.decision-list li').first().waitFor();
  for (const name of ['web', 'consumer-workload', 'web', 'consumer-workload', 'web']) {
    await page.locator('#target').selectOption(`nimbusguard/${name}`);
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(2500);
  const open = await page.evaluate<string[]>(
    'window.streams.filter((each) => each.readyState !== 2).map((each) => each.url)',
  );
  expect(open.length).toBe(1);
  expect(open[0]).toContain('web');
});

test('a line that dies without a word is told, and what was missed comes by a new one', async () => {
  const { server, url, die } = await aTunnel(running.port);
  await page.clock.install();
  await page.goto(url);
  await page.locator('.decision-list li').first().waitFor();
  await expect.poll(() => page.locator('#connection').textContent()).toBe('live');
  die(true);
  await decide(1);
  await page.clock.fastForward(25_000);
  await expect.poll(() => page.locator('#banner').textContent()).toContain('Connection lost');
  expect(await shownIds()).not.toContain('later-1');
  die(false);
  await page.clock.fastForward(25_000);
  await expect.poll(shownIds).toContain('later-1');
  expect(await page.locator('#banner').textContent()).toBe('');
  server.close();
});
