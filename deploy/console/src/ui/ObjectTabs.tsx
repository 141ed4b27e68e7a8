// The tabs of an object: links, since the tab stands in the address.

import { Link } from "@tanstack/react-router";

import css from "./ui.module.css";

/** The tabs; the router marks the present one. */
export function ObjectTabs({ tabs }: { tabs: readonly (readonly [string, string])[] }) {
  return (
    <nav className={css.tabs} aria-label="Parts">
      {tabs.map(([tab, label]) => (
        <Link
          key={tab}
          to="."
          search={{ tab: tab === tabs[0]?.[0] ? undefined : tab } as never}
          replace
          resetScroll={false}
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}

/** Reads the tab of an address; one that is not known is the first. */
export function tabSearch<const T extends string>(tabs: readonly (readonly [T, string])[]): (raw: Record<string, unknown>) => { tab?: T } {
  return (raw) => {
    const found = tabs.find(([tab]) => tab === raw.tab)?.[0];
    return found === undefined || found === tabs[0]?.[0] ? {} : { tab: found };
  };
}
