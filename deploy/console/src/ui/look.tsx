// Looking: how a view asks the server again and again, and says as of when it shows what it shows.

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";

import { asked, background } from "../api/client";
import { live } from "../api/settings";
import { useStore } from "../api/store";
import type { Answer, Outcome } from "galaxy-typescript/client";
import { clock } from "../text/time";
import { Button, Fault, Note, useZone } from "./basics";
import { Icon } from "./icons";
import css from "./ui.module.css";

/** How often a view looks by itself, in milliseconds. Hidden tabs rest. */
const EVERY = 10_000;

/** A look at the server under a key, again and again. */
export function useLook<O>(
  key: readonly unknown[],
  make: (client: typeof background, signal: AbortSignal) => Promise<Outcome<O>>,
  wanted: { every?: number | false; on?: boolean } = {},
): UseQueryResult<Answer<O>, Error> {
  const goes = useStore(live);
  return useQuery<Answer<O>, Error>({
    queryKey: key,
    // A query may not be undefined: what answers without a body is not looked at.
    queryFn: ({ signal }) => asked<O>(() => make(background, signal)),
    refetchInterval: goes ? (wanted.every ?? EVERY) : false,
    enabled: wanted.on ?? true,
  });
}

type Looked = Pick<UseQueryResult<unknown, Error>, "dataUpdatedAt" | "isFetching" | "refetch" | "error" | "data">;

/** As of when a view is, and a way to look again. */
export function AsOf({ of }: { of: readonly Looked[] }) {
  const zone = useZone();
  const goes = useStore(live);
  const times = of.map((look) => look.dataUpdatedAt).filter((at) => at > 0);
  const oldest = times.length > 0 ? Math.min(...times) : undefined;
  const busy = of.some((look) => look.isFetching);
  return (
    <div className={css.asof} data-as-of={oldest}>
      <span>{oldest === undefined ? "Looking…" : `As of ${clock(oldest, zone)}`}</span>
      {!goes && <span>(paused)</span>}
      <Button
        small
        look="plain"
        aria-label="Look again"
        onClick={() => of.forEach((look) => void look.refetch())}
        aria-busy={busy}
      >
        <Icon of="refresh" />
      </Button>
    </div>
  );
}

/** A page's head: what it is, and as of when. */
export function Head({
  title,
  intro,
  looks,
  children,
}: {
  title: string;
  intro?: ReactNode;
  looks: readonly Looked[];
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} – Galaxy console`;
  }, [title]);
  return (
    <div className={css.head}>
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {intro && <p className={css.soft}>{intro}</p>}
      </div>
      <div className={css.row}>
        {children}
        <AsOf of={looks} />
      </div>
    </div>
  );
}

/** What a look found, or why there is nothing. What was seen before stays when a later look fails. */
export function Found<T>({ look, children }: { look: UseQueryResult<T, Error>; children: (found: T) => ReactNode }) {
  if (look.data !== undefined) {
    return (
      <>
        {look.error && (
          <Note tone="warn" role="status">
            The last look failed, what follows is older: {look.error.message}
          </Note>
        )}
        {children(look.data)}
      </>
    );
  }
  if (look.error) return <Fault error={look.error} />;
  return (
    <p className={css.empty} role="status">
      Looking…
    </p>
  );
}
