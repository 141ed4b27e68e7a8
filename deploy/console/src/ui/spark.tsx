// A line of a few hundred samples. What it shows can be read as a table too (`pages/stats.tsx`).

import css from "./ui.module.css";

/** A value at a time. */
export interface Sample {
  at: number;
  value: number;
}

/** The points of the line in a box of 100 × 28. */
export function points(samples: readonly Sample[]): string {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last) return "";
  const width = Math.max(1, last.at - first.at);
  const top = Math.max(1, ...samples.map((sample) => sample.value)) * 1.25;
  const place = ({ at, value }: Sample) =>
    `${round(((at - first.at) / width) * 100)},${round(27 - (value / top) * 26)}`;
  return samples.length === 1
    ? `0,${place(first).split(",")[1]} 100,${place(first).split(",")[1]}`
    : samples.map(place).join(" ");
}

const round = (n: number) => Math.round(n * 10) / 10;

/** The line, with a sentence of it for whoever does not see it. */
export function Spark({ of, what, over }: { of: readonly Sample[]; what: string; over: string }) {
  const last = of.at(-1);
  const most = Math.max(0, ...of.map((sample) => sample.value));
  const said = last ? `${what}: ${round(last.value)} now, ${round(most)} at most ${over}` : `${what}: nothing yet`;
  return (
    <svg className={css.spark} viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label={said}>
      <polyline points={points(of)} />
    </svg>
  );
}
