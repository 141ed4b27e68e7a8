// The trail of one thing, as a tab of it; and an entry of the trail.

import type { Entry } from "./kinds";
import { Facts, Id, Json, State, Time } from "../ui/basics";
import { Found, useLook } from "../ui/look";
import { Table } from "../ui/table";
import css from "../ui/list.module.css";
import ui from "../ui/ui.module.css";

/** What was done to it, newest first. */
export function History({ type, id }: { type: string; id: string }) {
  const look = useLook(["trail", "of", type, id], (client, signal) =>
    client.get("/api/v1/admin/audit-log", { query: { target_type: type, target_id: id, limit: 50 }, signal }),
  );
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>No administrator has done anything to it.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="History"
              rows={page.items}
              id={(entry) => entry.audit_id}
              columns={[
                { title: "When", cell: (entry) => <Time at={entry.at} ago /> },
                { title: "Who", cell: (entry) => entry.actor },
                { title: "What", cell: (entry) => <code>{entry.action}</code> },
                { title: "Why", cell: (entry) => entry.reason ?? "" },
                { title: "From", cell: (entry) => <Id>{entry.ip}</Id> },
                { title: "Detail", cell: (entry) => <code>{JSON.stringify(entry.detail)}</code> },
              ]}
            />
          </div>
        )
      }
    </Found>
  );
}

/** An entry with all that it has. */
export function EntryFacts({ entry }: { entry: Entry }) {
  return (
    <>
      <Facts
        of={[
          ["When", <Time at={entry.at} ago />],
          ["Who", entry.actor],
          ["From", <Id>{entry.ip}</Id>],
          entry.outcome !== undefined && ["Outcome", <State of={entry.outcome} />],
          entry.reason ? ["Why", entry.reason] : false,
          entry.via ? ["Came in by", entry.via] : false,
          entry.session_id ? ["Session", <Id>{entry.session_id}</Id>] : false,
          [spokenTarget(entry.target_type), <Id>{entry.target_id}</Id>],
          entry.operation_id ? ["Part of", <Id>{entry.operation_id}</Id>] : false,
          ["Request", <Id>{entry.request_id}</Id>],
        ]}
      />
      {entry.before != null && <Json of={entry.before} label="Before" />}
      {entry.after != null && <Json of={entry.after} label="After" />}
      <Json of={entry.detail} label="Detail" />
    </>
  );
}

const spokenTarget = (type: string) => type.replaceAll("_", " ");
