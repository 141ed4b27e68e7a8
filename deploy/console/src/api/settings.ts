// What this browser remembers of how the operator likes it. Nothing of it changes what is shown, only how.

import { Store } from "./store";

/** Whose clock times are shown by: the browser's, UTC, or the zone of the game that is looked at. */
export type ZoneChoice = "mine" | "utc" | "game";
/** Colours. */
export type Theme = "system" | "light" | "dark";

export const zones: readonly ZoneChoice[] = ["mine", "utc", "game"];
export const themes: readonly Theme[] = ["system", "light", "dark"];

function remembered<T extends string>(name: string, among: readonly T[], otherwise: T): T {
  try {
    const value = localStorage.getItem(`console.${name}`) as T | null;
    return value !== null && among.includes(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`console.${name}`, value);
  } catch {
    // Storage that is full or forbidden: the choice lasts as long as the page.
  }
}

export const zoneChoice = new Store<ZoneChoice>(remembered("zone", zones, "mine"));
export const theme = new Store<Theme>(remembered("theme", themes, "system"));
/** The zone of the game on the page, where there is one. */
export const gameZone = new Store<string | undefined>(undefined);
/** Whether lists look anew by themselves. */
export const live = new Store<boolean>(true);

zoneChoice.follow(() => remember("zone", zoneChoice.get()));
theme.follow(() => remember("theme", theme.get()));

/** Puts the colours on the document. */
export function paint(): void {
  document.documentElement.dataset.theme = theme.get();
}
