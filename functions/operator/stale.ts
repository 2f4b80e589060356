// When a target counts as silent: the operator says it, and the page where the operator is away.
const STALE_BEATS = 3.5;
const USUAL_BEAT_MS = 5000;

/** Silence that says nothing yet, at whatever beat. */
export const LEAST_STALE_MS = 15_000;

export const staleAfterMs = (beatMs: number | null): number =>
  Math.max(LEAST_STALE_MS, (beatMs ?? USUAL_BEAT_MS) * STALE_BEATS);
