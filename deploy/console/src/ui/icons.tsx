// Icons of our own: a shape per tone, so that no state is told by its colour alone.

import type { Tone } from "../text/words";

const PATHS: Record<string, string> = {
  good: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm-3 6.7 2.1 2.1L11.2 6",
  busy: "M8 1.7A6.3 6.3 0 1 1 2.5 5M8 4.4V8l2.4 1.6",
  quiet: "M8 1.7a6.3 6.3 0 1 0 0 12.6A6.3 6.3 0 0 0 8 1.7ZM5 8h6",
  warn: "M8 2 1.7 13.5h12.6L8 2Zm0 4.4v3.4m0 1.6v.5",
  bad: "M5.3 1.7h5.4l3.6 3.6v5.4l-3.6 3.6H5.3l-3.6-3.6V5.3l3.6-3.6ZM8 4.6v4m0 1.9v.6",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "m3.5 3.5 9 9m0-9-9 9",
  refresh: "M13.5 8A5.5 5.5 0 1 1 11.8 4M13.5 2v3h-3",
  side: "M2 2.5h12v11H2zM9.5 2.5v11",
};

/** An icon; what it says stands beside it as text. */
export function Icon({ of, size = 14 }: { of: Tone | "menu" | "close" | "refresh" | "side"; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[of]} />
    </svg>
  );
}
