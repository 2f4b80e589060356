import { expect, test } from 'vitest';
import { podNamePattern } from './pod-names.ts';

const WEB = 'web-5d9c7b4f8x-x2k4z';

test.each<[whose: string, there: string[], own: string[], others: string[]]>([
  [
    'a Deployment, released pods included',
    [WEB, 'web-5d9c7b4f8x-zz2xk'],
    [WEB, 'web-7f6d5b9c-q4w8r'],
    [
      'web-admin-5d9c7b4f8x-x2k4z',
      'web-canary-6c5b4d7f9-qqqqq',
      'web-db-x2k4z',
      'web-0',
      'web',
      '',
    ],
  ],
  ['a StatefulSet', ['db-0', 'db-1'], ['db-0', 'db-12'], ['db-replica-0', 'db-1-0', 'db-x']],
  [
    'a Knative Service, earlier Revisions included',
    ['hello-00012-deployment-5d9c7b4f8x-x2k4z'],
    ['hello-00011-deployment-7f6d5b9c-q4w8r'],
    ['hello-admin-00012-deployment-5d9c7b4f8x-x2k4z', 'hello-5d9c7b4f8x-x2k4z'],
  ],
  [
    'a Revision with a name of its own',
    ['hello-v2-deployment-5d9c7b4f8x-x2k4z'],
    ['hello-v2-deployment-7f6d5b9c-q4w8r'],
    ['hello-v20-deployment-5d9c7b4f8x-x2k4z'],
  ],
  ['a pod named by hand', ['batch.main', WEB], ['batch.main', WEB], ['batchxmain', 'batch.main-0']],
  ['no pod', [], [], ['', 'web', WEB]],
])('pods of %s', (_whose, there, own, others) => {
  const matcher = new RegExp(`^(?:${podNamePattern(there.map((name) => ({ name })))})$`);

  expect([...own, ...others].filter((name) => matcher.test(name))).toEqual(own);
});
