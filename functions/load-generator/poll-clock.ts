/**
 * The time at which the answers being handled now had arrived.
 *
 * The event loop learns at one moment of all sockets that have data, then handles them one after
 * another. After a stall of the target that may be a thousand, and the last one would be charged with
 * the work of this process on all others. All handled in one round count with the round's first time:
 * their data was there. A round ends with its immediates, which Node runs after the sockets.
 */
export function pollClock(nowMs: () => number): () => number {
  let roundMs: number | undefined;
  return () => {
    if (roundMs === undefined) {
      roundMs = nowMs();
      setImmediate(() => (roundMs = undefined));
    }
    return roundMs;
  };
}
