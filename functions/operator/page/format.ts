// Numbers for people: a unit on each, "–" for what is not known, and never 0 for it.
import { amount, whole } from '#shared/domain/amount.ts';

export const UNKNOWN = '–';

type Known = number | null | undefined;

const given = (value: Known, show: (value: number) => string): string =>
  value === null || value === undefined || Number.isNaN(value) ? UNKNOWN : show(value);

/** Three significant digits at most, no exponent. */
export const number = (value: Known): string =>
  given(value, (n) => {
    const size = Math.abs(n);
    if (size >= 100 || Number.isInteger(n)) return whole(n);
    return size >= 10 ? n.toFixed(1) : n.toFixed(2);
  });

export const count = (value: Known): string => given(value, whole);

export const rate = (value: Known): string => given(value, (n) => `${amount(n)} req/s`);

/** A number at an axis: short, and never rounded to one that is not there. */
export const tick = (value: number): string =>
  value >= 10_000 ? `${String(value / 1000)}k` : String(Number(value.toPrecision(12)));

export const ms = (value: Known): string =>
  given(value, (n) => {
    if (n >= 10_000) return `${(n / 1000).toFixed(0)} s`;
    if (n >= 1000) return `${(n / 1000).toFixed(1)} s`;
    return n > 0 && n < 1 ? '< 1 ms' : `${n.toFixed(0)} ms`;
  });

/** A share, 0…1, as percent. */
export const percent = (value: Known): string =>
  given(value, (share) => {
    const n = share * 100;
    if (n > 0 && n < 0.1) return '< 0.1 %';
    if (n > 99.9 && n < 100) return '> 99.9 %';
    return `${n < 10 && n > 0 ? n.toFixed(1) : n.toFixed(0)} %`;
  });

export const seconds = (value: Known): string =>
  given(value, (n) => (n < 10 ? `${n.toFixed(1)} s` : `${n.toFixed(0)} s`));

export const pods = (n: number): string => (n === 1 ? '1 pod' : `${String(n)} pods`);

/** +2, −1, ±0, with a true minus. */
export const signed = (n: number, digits = 0): string => {
  const text = Math.abs(n).toFixed(digits);
  if (Number(text) === 0) return '±0';
  return `${n > 0 ? '+' : '−'}${text}`;
};

export const podHours = (podSeconds: Known): string =>
  given(podSeconds, (n) =>
    Math.abs(n) < 3600
      ? `${signed(n / 60, Math.abs(n) < 597 ? 1 : 0)} pod-min`
      : `${signed(n / 3600, 1)} pod-h`,
  );

/** How long ago, or how long. */
export const age = (milliseconds: number): string => {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 100) return `${String(s)} s`;
  if (s < 5400) return `${String(Math.round(s / 60))} min`;
  return s < 172_800 ? `${String(Math.round(s / 3600))} h` : `${String(Math.round(s / 86_400))} d`;
};

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

const dateFormat = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

/** The time of day; before it the date where that is not today's. */
export const clock = (atMs: number, nowMs = Date.now()): string => {
  const time = clockFormat.format(atMs);
  return isSameDay(atMs, nowMs) ? time : `${dateFormat.format(atMs)}, ${time}`;
};

const shortFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** Since when, to the minute; of another day the date is enough. */
export const since = (atMs: number, nowMs = Date.now()): string =>
  (isSameDay(atMs, nowMs) ? shortFormat : dateFormat).format(atMs);

const isSameDay = (one: number, other: number): boolean =>
  new Date(one).toDateString() === new Date(other).toDateString();
export const day = (atMs: number): string => dayFormat.format(atMs);
export const utc = (atMs: number): string => new Date(atMs).toISOString();

/** Local time, and the UTC that logs have. */
export const moment = (atMs: Known): string =>
  given(atMs, (at) => `${clock(at)} (${utc(at).slice(11, 19)} UTC)`);
