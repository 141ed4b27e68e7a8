// Subscribers of the push hub: who has a stream, and how far it lags.

import { ListPage } from "../ui/ListPage";
import { Ago, State } from "../ui/basics";
import { listSearch } from "../ui/search";
import ui from "../ui/ui.module.css";
import { bounded } from "../text/words";
import type { Subscriber } from "./kinds";

/** The address of the list. */
export const pushSearch = listSearch([]);

/** A stream whose replica has told nothing of it for so long has ended, in milliseconds. */
const SILENT = 30_000;

/** The list. */
export function Push() {
  return (
    <ListPage
      title="Push"
      intro="Gateways that subscribed within a week, and how many events each has not been handed yet."
      name="push"
      fetch={(api, query, signal) => api.get("/api/v1/admin/push/subscribers", { query, signal })}
      id={(subscriber: Subscriber) => subscriber.gateway_client_id}
      empty="No gateway has ever subscribed: nobody is told anything at once."
      columns={[
        { title: "Gateway", cell: (subscriber) => <strong>{subscriber.gateway_client_id}</strong> },
        { title: "Stream", cell: (subscriber) => <Stream of={subscriber} /> },
        { title: "Behind", cell: (subscriber) => <Behind of={subscriber} />, number: true },
        { title: "Seen", cell: (subscriber) => <Ago at={subscriber.seen_at} /> },
        { title: "Since", cell: (subscriber) => <Ago at={subscriber.connected_at} /> },
      ]}
    />
  );
}

function Stream({ of }: { of: Subscriber }) {
  const told = Date.parse(of.seen_at ?? of.connected_at);
  return Date.now() - told < SILENT ? <State of="live" /> : <State of="closed">gone</State>;
}

function Behind({ of }: { of: Subscriber }) {
  if (of.behind === null || of.behind === undefined) return <span className={ui.soft}>not known</span>;
  return of.behind === 0 ? <span className={ui.soft}>0</span> : <>{bounded(of.behind)}</>;
}
