import type { UnknownEvent } from '#shared/events/index.ts';
import { Chain, isDeadLetter, toDeadLetter } from './chain.ts';
import type { BrokerReader } from './broker-reader.ts';
import { History } from './history.ts';
import { Stream } from './stream.ts';
import type { Measure } from './target-log.ts';

/** All that the operator remembers, and the stream of what changes in it. */
export interface Memory {
  readonly history: History;
  readonly chain: Chain;
  readonly stream: Stream;
  readonly broker: BrokerReader;
  nowMs(): number;
  /** Takes one event of the chain; throws `event.unusable` where it is none. */
  accept(event: UnknownEvent, receivedAtMs: number): void;
  /** Takes one event that somebody refused for good. */
  readonly refuse: (event: UnknownEvent, refusedAtMs: number) => void;
  /**
   * Without those that the log brings back: a restart is no news of them, and a counter that began with
   * them would make it look so.
   */
  deadLettersSinceStart(): number;
}

export function createMemory(deps: {
  nowMs: () => number;
  measure: Measure;
  broker: BrokerReader;
}): Memory {
  const { nowMs, measure, broker } = deps;
  const startedAtMs = nowMs();
  let deadLetters = 0;
  const chain = new Chain();
  const stream: Stream = new Stream({
    history: () => history,
    chain,
    broker: () => broker.last(),
    nowMs,
  });
  const history = new History(measure, stream);
  const refuse = (event: UnknownEvent, refusedAtMs: number): void => {
    const letter = toDeadLetter(event, refusedAtMs);
    if (refusedAtMs >= startedAtMs) deadLetters += 1;
    chain.refuse(letter);
    stream.deadLetter(letter);
    stream.chainChanged();
  };
  return {
    history,
    chain,
    stream,
    broker,
    nowMs,
    refuse,
    deadLettersSinceStart: () => deadLetters,
    accept(event, receivedAtMs) {
      if (isDeadLetter(event)) {
        refuse(event, receivedAtMs);
        return;
      }
      history.accept(event, receivedAtMs);
      chain.accept(event, receivedAtMs);
      stream.chainChanged();
    },
  };
}
