import { NimbusError } from '#shared/errors.ts';
import type { TracePoint } from './pattern.ts';

const MAX_POINTS = 200_000;

/** Seconds of any clock, and milliseconds of the Unix epoch too: what is beyond is no time. */
const MAX_T = 1e14;

const refuseTrace = (reason: string): never => {
  throw new NimbusError('input.invalid', `trace: ${reason}`, {
    fields: [{ path: 'trace', message: reason }],
  });
};
const refuse = (line: number, reason: string): never => refuseTrace(`line ${line}: ${reason}`);

function parsePoint(text: string, line: number): TracePoint {
  const cells = text.split(',').map((cell) => cell.trim());
  if (cells.length !== 2) return refuse(line, `expected two columns (got ${cells.length})`);
  const [tSeconds, perSecond] = cells.map((cell) => (cell === '' ? NaN : Number(cell)));
  if (tSeconds === undefined || !(Math.abs(tSeconds) <= MAX_T)) {
    return refuse(
      line,
      `t_s must be a number of seconds, at most ${MAX_T} (got ${cells[0]?.slice(0, 40)})`,
    );
  }
  if (perSecond === undefined || !Number.isFinite(perSecond) || perSecond < 0) {
    return refuse(line, `rps must be a number ≥ 0 (got ${cells[1]?.slice(0, 40)})`);
  }
  return { tSeconds, perSecond };
}

/**
 * Reads a CSV trace: header `t_s,rps`, then one line per interval with its start in seconds and its
 * mean requests per second, in order. Throws `input.invalid` with the line and the reason.
 */
export function parseTrace(csv: string): TracePoint[] {
  const lines = csv.split(/\r?\n/);
  const header = lines[0]?.trim().toLowerCase();
  if (header !== 't_s,rps')
    return refuse(1, `the header must be t_s,rps (got ${header?.slice(0, 40)})`);
  const points: TracePoint[] = [];
  lines.slice(1).forEach((text, i) => {
    if (text.trim() === '') return;
    const point = parsePoint(text, i + 2);
    const last = points.at(-1);
    if (last !== undefined && point.tSeconds <= last.tSeconds) {
      refuse(i + 2, `t_s must grow (${point.tSeconds} after ${last.tSeconds})`);
    }
    if (points.push(point) > MAX_POINTS) refuse(i + 2, `at most ${MAX_POINTS} points`);
  });
  if (points.length < 2) return refuse(lines.length, 'at least two points are needed');
  if (points.every(({ perSecond }) => perSecond === 0)) refuse(2, 'every rate is 0');
  return points;
}

/**
 * The trace played in `durationSeconds`, with its highest rate at `peakPerSecond`, or as it is.
 * The last interval is as long as the one before it. Throws `input.invalid` where it is beyond `limit`.
 */
export function fitTrace(
  points: readonly TracePoint[],
  durationSeconds: number,
  { peakPerSecond, limit }: { peakPerSecond: number | undefined; limit: number },
): TracePoint[] {
  const first = points[0]?.tSeconds ?? 0;
  const last = points.at(-1)?.tSeconds ?? 0;
  const span = last - first + (last - (points.at(-2)?.tSeconds ?? 0));
  const peak = points.reduce((most, { perSecond }) => Math.max(most, perSecond), 0);
  if (peakPerSecond === undefined && peak > limit) {
    const scaled = 'intensity or rate plays it with another peak';
    return refuseTrace(`rps must be at most ${limit} (got ${peak}); ${scaled}`);
  }
  return points.map(({ tSeconds, perSecond }) => ({
    tSeconds: ((tSeconds - first) * durationSeconds) / span,
    perSecond: peakPerSecond === undefined ? perSecond : (perSecond / peak) * peakPerSecond,
  }));
}
