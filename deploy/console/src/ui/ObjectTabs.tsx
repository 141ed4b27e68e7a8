// The tabs of an object: links, since the tab stands in the address.

import { useLinkProps } from "@tanstack/react-router";

import css from "./ui.module.css";

/** The tabs; `at` is the present one. */
export function ObjectTabs<T extends string>({ tabs, at }: { tabs: readonly (readonly [T, string])[]; at: T }) {
  return (
    <nav className={css.tabs} aria-label="Parts">
      {tabs.map(([tab, label], place) => (
        <Tab key={tab} search={place === 0 ? {} : { tab }} label={label} present={tab === at} />
      ))}
    </nav>
  );
}

/** Not the router's own link: to it, a tab without a word in the address is always a part of where we are. */
function Tab({ search, label, present }: { search: object; label: string; present: boolean }) {
  const props = useLinkProps({ to: ".", search: search as never, replace: true, resetScroll: false });
  return (
    <a
      {...props}
      className={undefined}
      aria-current={present ? "page" : undefined}
      data-present={present ? "" : undefined}
    >
      {label}
    </a>
  );
}

/** Reads the tab of an address; one that is not known is the first. */
export function tabSearch<const T extends string>(
  tabs: readonly (readonly [T, string])[],
): (raw: Record<string, unknown>) => { tab?: T } {
  return (raw) => {
    const found = tabs.find(([tab]) => tab === raw.tab)?.[0];
    return found === undefined || found === tabs[0]?.[0] ? {} : { tab: found };
  };
}
