// Mail: deliveries, what died of it, and one delivery with its recipients and attempts.

import { Link, useParams } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Actions, type ActionOf } from "../ui/action";
import { Ago, Facts, Id, State, Text, Time } from "../ui/basics";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { listSearch, type Filter } from "../ui/search";
import { Table, type Column } from "../ui/table";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import { ByCause } from "./causes";
import { MailContent } from "./content";
import { frozen } from "./frozen";
import { DEAD_STATUSES, DELIVERY_STATUSES, type Delivery } from "./kinds";

const filters = [
  { name: "status", label: "Status", kind: "choice", choices: DELIVERY_STATUSES },
  { name: "template_id", label: "Template", kind: "text" },
  { name: "recipient", label: "Recipient", kind: "email" },
  { name: "created_after", label: "Created after", kind: "time" },
  { name: "created_before", label: "Created before", kind: "time" },
] as const satisfies readonly Filter[];

const deadFilters = [
  { name: "status", label: "Status", kind: "choice", choices: DEAD_STATUSES },
  { name: "template_id", label: "Template", kind: "text" },
  { name: "recipient", label: "Recipient", kind: "email" },
  { name: "failed_after", label: "Died after", kind: "time" },
  { name: "failed_before", label: "Died before", kind: "time" },
] as const satisfies readonly Filter[];

/** The addresses of both lists. */
export const mailSearch = listSearch(filters);
export const deadMailSearch = listSearch(deadFilters);

const id = (delivery: Delivery) => delivery.delivery_id;

const link: Column<Delivery> = {
  title: "Mail",
  cell: (delivery) => (
    <Link to="/mail/$deliveryId" params={{ deliveryId: delivery.delivery_id }}>
      {delivery.template_id}
    </Link>
  ),
};
const recipients: Column<Delivery> = {
  title: "Recipients",
  cell: (delivery) => delivery.recipients.map((r) => r.address).join(", "),
};

/** Deliveries. */
export function Mail() {
  return (
    <ListPage
      title="Mail"
      name="mail"
      filters={filters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/mail/deliveries", { query, signal })}
      file={{
        op: "admin_export_mail_deliveries",
        name: "mail-deliveries",
        fetch: (query, signal) => client.get("/api/v1/admin/mail/deliveries/export", { query, signal }),
      }}
      id={id}
      empty="No mail was written yet."
      columns={[
        link,
        { title: "Status", cell: (delivery) => <State of={delivery.status} /> },
        recipients,
        { title: "Attempts", cell: (delivery) => delivery.attempts, number: true },
        { title: "Created", cell: (delivery) => <Ago at={delivery.created_at} /> },
        { title: "Error", cell: (delivery) => <Text>{delivery.last_error}</Text> },
      ]}
      panel={panel}
    />
  );
}

const resend = (delivery: Delivery) =>
  asked(() =>
    client.post("/api/v1/admin/mail/deliveries/{delivery_id}/resend", {
      path: { delivery_id: delivery.delivery_id },
    }),
  );
const dismiss = (delivery: Delivery) =>
  asked(() =>
    client.post("/api/v1/admin/mail/dead-letters/{delivery_id}/dismiss", {
      path: { delivery_id: delivery.delivery_id },
    }),
  );

/** What died. */
export function DeadMail() {
  return (
    <ListPage
      title="Dead mail"
      intro="Mail that was given up. Mend the cause, try one, then set the rest going."
      name="dead-mail"
      filters={deadFilters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/mail/dead-letters", { query, signal })}
      file={{
        op: "admin_export_mail_dead_letters",
        name: "mail-dead-letters",
        fetch: (query, signal) => client.get("/api/v1/admin/mail/dead-letters/export", { query, signal }),
      }}
      id={id}
      empty="No mail is dead."
      above={(rows) => <ByCause of={rows} cause={(row) => row.last_error} kind={(row) => row.template_id} />}
      columns={[
        link,
        { title: "Status", cell: (delivery) => <State of={delivery.status} /> },
        recipients,
        { title: "Died", cell: (delivery) => <Ago at={delivery.failed_at} /> },
        { title: "Error", cell: (delivery) => <Text>{delivery.last_error}</Text> },
      ]}
      panel={panel}
      bulk={[
        {
          label: "Resend",
          effects: [
            "Each is due at once, with its whole budget of attempts.",
            "Whoever accepted it is not asked again.",
            "Alarms about dead mail are left out unless the template names them; codes that are gone cannot be sent.",
          ],
          one: { op: "admin_resend_mail_delivery", call: resend },
          many: {
            op: "admin_resend_mail_deliveries",
            call: ({ filters: given, piece: { as_of, limit } }) =>
              asked(() =>
                client.post("/api/v1/admin/mail/deliveries/resend", {
                  body: { filter: frozen(given, as_of), limit },
                }),
              ),
          },
        },
        {
          label: "Put away",
          danger: true,
          effects: [
            "Each is no dead letter any more, and is removed by age.",
            "It can be resent one by one, by its id.",
          ],
          one: { op: "admin_dismiss_mail_dead_letter", call: dismiss },
          many: {
            op: "admin_dismiss_mail_dead_letters",
            call: ({ filters: given, piece: { as_of, limit } }) =>
              asked(() =>
                client.post("/api/v1/admin/mail/dead-letters/dismiss", {
                  body: { filter: frozen(given, as_of), limit },
                }),
              ),
          },
        },
      ]}
    />
  );
}

function panel(delivery: Delivery) {
  return {
    title: (
      <Link to="/mail/$deliveryId" params={{ deliveryId: delivery.delivery_id }}>
        {delivery.template_id}
      </Link>
    ),
    content: (
      <>
        <DeliveryFacts delivery={delivery} />
        <Actions of={actions(delivery).filter((action) => action.why === undefined)} />
      </>
    ),
  };
}

function DeliveryFacts({ delivery }: { delivery: Delivery }) {
  return (
    <Facts
      of={[
        ["Status", <State of={delivery.status} />],
        ["Attempts", `${delivery.attempts}, ${delivery.failures} of them failed in a row`],
        ["Created", <Time at={delivery.created_at} ago />],
        ["Next attempt", <Time at={delivery.next_attempt_at} ago />],
        ["Sent", <Time at={delivery.sent_at} ago />],
        ["Died", <Time at={delivery.failed_at} ago />],
        ["Expires", <Time at={delivery.expires_at} ago />],
        delivery.wiped && ["Content", "wiped: it held a code"],
        delivery.last_error ? ["Last error", delivery.last_error] : false,
        ["Key", <Id>{delivery.idempotency_key}</Id>],
        ["Request", <Id>{delivery.request_id}</Id>],
        ["Id", <Id>{delivery.delivery_id}</Id>],
      ]}
    />
  );
}

function actions(delivery: Delivery): ActionOf[] {
  const { status } = delivery;
  const dead = status === "dead_lettered" || status === "quarantined";
  const open = dead || status === "pending" || status === "retrying" || status === "dismissed";
  return [
    {
      label: "Resend",
      op: "admin_resend_mail_delivery",
      grade: "none",
      why: delivery.wiped
        ? "its code is gone; the person asks for a new one"
        : open
          ? undefined
          : `it is ${spoken(status)}`,
      run: () => resend(delivery),
      done: "The mail is due.",
    },
    {
      label: "Put away",
      op: "admin_dismiss_mail_dead_letter",
      grade: "dialog",
      danger: true,
      why: dead ? undefined : "it is not dead",
      effects: ["It is no dead letter any more, and is removed by age. It can still be resent."],
      run: () => dismiss(delivery),
      done: "The mail was put away.",
    },
  ];
}

/** One delivery. */
export function DeliveryPage() {
  const { deliveryId } = useParams({ from: "/mail/$deliveryId" });
  const path = { delivery_id: deliveryId };
  const look = useLook(["mail", deliveryId], (api, signal) =>
    api.get("/api/v1/admin/mail/deliveries/{delivery_id}", { path, signal }),
  );
  const tries = useLook(["mail", deliveryId, "attempts"], (api, signal) =>
    api.get("/api/v1/admin/mail/deliveries/{delivery_id}/attempts", { path, query: { limit: 100 }, signal }),
  );
  return (
    <>
      <Head title={look.data ? `Mail ${look.data.template_id}` : "Mail"} looks={[look, tries]} />
      <Found look={look}>
        {(delivery) => (
          <>
            <section className={ui.card} aria-label="Facts">
              <DeliveryFacts delivery={delivery} />
            </section>
            <section aria-label="Actions">
              <Actions of={actions(delivery)} />
            </section>
            <h2>Recipients</h2>
            <div className={`${ui.card} ${css.box}`}>
              <Table
                label="Recipients"
                rows={delivery.recipients}
                id={(recipient) => recipient.address}
                columns={[
                  {
                    title: "Address",
                    cell: (recipient) => (
                      <Link to="/users" search={{ email: recipient.address }}>
                        {recipient.address}
                      </Link>
                    ),
                  },
                  { title: "Status", cell: (recipient) => <State of={recipient.status} /> },
                  { title: "SMTP", cell: (recipient) => <Text>{recipient.smtp_code}</Text> },
                  { title: "Reply", cell: (recipient) => <Text>{recipient.detail}</Text> },
                ]}
              />
            </div>
          </>
        )}
      </Found>
      {look.data && <MailContent delivery={look.data} />}
      <h2>Attempts</h2>
      <Found look={tries}>
        {(page) => (
          <div className={`${ui.card} ${css.box}`}>
            {page.items.length === 0 ? (
              <p className={ui.empty}>Nobody has tried yet.</p>
            ) : (
              <Table
                label="Attempts"
                rows={page.items}
                id={(attempt) => String(attempt.attempt_no)}
                columns={[
                  { title: "No.", cell: (attempt) => attempt.attempt_no, number: true },
                  { title: "Outcome", cell: (attempt) => <State of={attempt.outcome} /> },
                  { title: "Began", cell: (attempt) => <Time at={attempt.started_at} /> },
                  { title: "Ended", cell: (attempt) => <Time at={attempt.finished_at} /> },
                  { title: "SMTP", cell: (attempt) => <Text>{attempt.smtp_code}</Text> },
                  { title: "Reply", cell: (attempt) => <Text>{attempt.detail}</Text> },
                ]}
              />
            )}
          </div>
        )}
      </Found>
    </>
  );
}
