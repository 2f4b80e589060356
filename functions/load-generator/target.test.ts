import { expect, test } from 'vitest';
import { chooseTarget, type Allowed } from './target.ts';

const allowed: Allowed = {
  targetUrl: 'http://consumer-workload.nimbusguard.svc.cluster.local/work',
  others: ['http://shop.store:8080'],
  kafka: false,
};
const inCluster = () => Promise.resolve([{ address: '10.96.0.17' }]);

test.each([
  ['http', 'http://consumer-workload.nimbusguard.svc.cluster.local/work'],
  [
    'http://consumer-workload.nimbusguard.svc.cluster.local/work',
    'http://consumer-workload.nimbusguard.svc.cluster.local/work',
  ],
  ['http://shop.store:8080/', 'http://shop.store:8080/'],
  ['HTTP://SHOP.store:8080', 'http://shop.store:8080/'],
])('%s is allowed and pinned to what its name led to', async (name, href) => {
  expect(await chooseTarget(name, allowed, inCluster)).toEqual({
    kind: 'http',
    url: new URL(href),
    addresses: ['10.96.0.17'],
  });
});

test.each([
  'http://169.254.169.254/latest/meta-data/',
  'http://[::ffff:169.254.169.254]/',
  'http://metadata.google.internal/',
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://localhost/',
  'http://localtest.me/',
  'https://kubernetes.default.svc/api/v1/secrets',
  'http://10.96.0.1/',
  'http://shop.store:8080@169.254.169.254/',
  'http://shop.store:8080.evil.example/',
  'http://evil.example/?http://shop.store:8080/',
  'http://evil.example#@shop.store:8080/',
  'http://user:password@shop.store:8080/',
  'http://shop.store:8080/admin',
  'http://shop.store:8081/',
  'http://shop.store/',
  'https://shop.store:8080/',
  'http://ѕhop.store:8080/', // Cyrillic s
  'http://shop.store.:8080/',
  'file:///etc/passwd',
  'gopher://shop.store:8080/',
  'javascript:1',
  'httpx',
  '//shop.store:8080/',
  ' ',
])('%s is not called', async (name) => {
  await expect(chooseTarget(name, allowed, inCluster)).rejects.toThrow(
    /^target: allowed are http, http:/, // and not kafka, which is not configured
  );
});

test('kafka needs its configuration', async () => {
  await expect(chooseTarget('kafka', allowed, inCluster)).rejects.toThrow(
    'kafka is not configured',
  );
  expect(await chooseTarget('kafka', { ...allowed, kafka: true }, inCluster)).toEqual({
    kind: 'kafka',
  });
});

test.each([
  '127.0.0.1',
  '169.254.169.254',
  '::1',
  '::ffff:169.254.169.254',
  '0.0.0.0',
  'fe80::1',
  '224.0.0.1',
])('an allowed name that leads to %s is refused: it was rebound', async (address) => {
  const rebound = () => Promise.resolve([{ address: '10.96.0.17' }, { address }]);
  await expect(chooseTarget('http', allowed, rebound)).rejects.toThrow(`leads to ${address}`);
});

test('a literal address that was configured is taken as it is, without a look-up', async () => {
  const local = { ...allowed, targetUrl: 'http://127.0.0.1:8080' };
  const noLookup = () => Promise.reject(new Error('looked up'));
  expect(await chooseTarget('http', local, noLookup)).toMatchObject({ addresses: ['127.0.0.1'] });
});

test('a name that is not known is the upstream’s fault', async () => {
  const unknown = () => Promise.reject(new Error('ENOTFOUND'));
  await expect(chooseTarget('http', allowed, unknown)).rejects.toMatchObject({ status: 503 });
});
