import { afterEach, expect, test } from 'vitest';
import { KillableBroker } from './testing.ts';

let broker: KillableBroker | undefined;
afterEach(async () => broker?.stop());

const running = async (): Promise<KillableBroker> => {
  broker = new KillableBroker();
  await broker.start();
  return broker;
};
const until = async (condition: () => boolean): Promise<void> => {
  await expect.poll(condition, { timeout: 15_000, interval: 10 }).toBe(true);
};
const idsOf = (received: readonly { readonly id: string }[]): string[] =>
  received.map(({ id }) => id);

test('kill -9 between the answer and the storing of the reply: delivered again, nothing lost', async () => {
  const made = await running();
  const killed = new Promise<void>((resolve) => {
    made.answered = () => {
      made.answered = () => undefined;
      void made.kill().then(() => resolve());
    };
  });
  expect(await made.post('1', 'k')).toBe(true);
  await killed;
  await made.spawn();
  expect(await made.post('2', 'k')).toBe(true);

  await until(() => idsOf(made.second).includes('2.b'));

  expect(idsOf(made.second)).toContain('1.b');
  expect([...new Set(idsOf(made.first))]).toEqual(['1', '2']); // once more, and still in order
}, 40_000);

test('kill -9 under load, then SIGTERM: every accepted event arrives, and the end is orderly', async () => {
  const made = await running();
  const accepted: string[] = [];
  let sending = true;
  const send = async (sender: number): Promise<void> => {
    for (let n = 0; sending; n += 1) {
      const id = `${sender}-${n}`;
      if (await made.post(id, `key-${sender}`)) accepted.push(id);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const senders = [0, 1, 2].map(send);
  await until(() => accepted.length > 100);
  await made.kill();
  const before = accepted.length;
  await made.spawn();
  await until(() => accepted.length > before + 100);
  sending = false;
  await Promise.all(senders);

  await until(() => {
    const arrived = new Set(idsOf(made.second));
    return accepted.every((id) => arrived.has(`${id}.b`));
  });
  expect(await made.kill('SIGTERM')).toBe(0);
}, 40_000);
