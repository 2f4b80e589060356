// How a rate is written for people.
const grouped = new Intl.NumberFormat('en', { useGrouping: 'min2', maximumFractionDigits: 0 });

/** Whole, with a comma from five digits on: 1200, but 120,000. */
export const whole = (value: number): string => grouped.format(value);

/** What is little is not nothing (0.02), and nothing has no decimals. */
export function amount(value: number): string {
  if (value >= 9.95) return whole(value);
  return value >= 0.095 ? value.toFixed(1) : String(Number(value.toFixed(3)));
}
