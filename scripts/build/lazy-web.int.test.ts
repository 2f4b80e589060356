import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { lazyWeb } from './lazy-web.ts';

const { Headers: LazyHeaders, Request: LazyRequest, Response: LazyResponse } = lazyWeb;

/** What a process of its own prints. */
const run = (script: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });

const LOADED = `process.moduleLoadList.some((name) => name.includes('undici'))`;

describe('lazyWeb', () => {
  test('Node loads its fetch with the first object, not before', () => {
    const module = new URL('lazy-web.ts', import.meta.url).href;
    const printed = run(`
      const { lazyWeb } = await import(${JSON.stringify(module)});
      class Own extends lazyWeb.Request {}
      const before = [{} instanceof lazyWeb.Headers, [] instanceof Own, ${LOADED}];
      new lazyWeb.Headers();
      console.log(JSON.stringify([...before, ${LOADED}]));`);
    expect(JSON.parse(printed)).toEqual([false, false, false, true]);
  });

  test('makes what Node makes', async () => {
    expect(new LazyHeaders([['A', 'b']])).toEqual(new Headers({ a: 'b' }));
    const request = new LazyRequest('http://x/', { method: 'POST', body: 'é' }) as Request;
    expect([request.method, await request.text()]).toEqual(['POST', 'é']);
    expect((new LazyResponse(null, { status: 204 }) as Response).status).toBe(204);
  });

  test('knows what Node has made as its own, and nothing else', () => {
    expect(new Headers()).toBeInstanceOf(LazyHeaders);
    expect(new LazyResponse()).toBeInstanceOf(LazyResponse);
    expect(new Response()).toBeInstanceOf(LazyResponse);
    expect(new Response()).not.toBeInstanceOf(LazyHeaders);
    expect({ [Symbol.toStringTag]: 'Headers' }).not.toBeInstanceOf(LazyHeaders);
  });

  test('what extends it is told from it', () => {
    class Own extends LazyRequest {}
    const own = new Own('http://x/');
    expect([own instanceof Own, own instanceof LazyRequest]).toEqual([true, true]);
    expect((own as unknown as Request).url).toBe('http://x/');
    expect(new Request('http://x/')).not.toBeInstanceOf(Own);
  });
});
