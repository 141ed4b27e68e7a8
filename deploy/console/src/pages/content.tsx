// What a mail says, as it was sent: in a frame that can run nothing, load nothing and lead nowhere.

import { useState } from "react";

import { asked, client } from "../api/client";
import { Button, Fault, Facts, Note } from "../ui/basics";
import { forbidden } from "../ui/action";
import ui from "../ui/ui.module.css";
import { useMe } from "../shell/me";
import { quiet } from "./frame";
import type { Content, Delivery } from "./kinds";

/** The page's own nonce: the frame has the page's policy, and styles of the mail go only with it. */
const nonce = () => document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";

/** A button, and what it shows. */
export function MailContent({ delivery }: { delivery: Delivery }) {
  const [content, setContent] = useState<Content>();
  const [fault, setFault] = useState<unknown>();
  const me = useMe().data ?? undefined;
  const why =
    forbidden(me, "admin_get_mail_delivery_content") ??
    (delivery.template_id === "auth.login_code"
      ? "it holds a code, which is for nobody but who gets it"
      : delivery.wiped
        ? "its content is gone"
        : undefined);
  async function show(): Promise<void> {
    setFault(undefined);
    try {
      const path = { delivery_id: delivery.delivery_id };
      setContent(await asked(() => client.get("/api/v1/admin/mail/deliveries/{delivery_id}/content", { path })));
    } catch (error) {
      setFault(error);
    }
  }
  return (
    <section className={ui.stack} aria-labelledby="content">
      <h2 id="content">What it says</h2>
      {content === undefined ? (
        <div className={ui.row}>
          <Button why={why} onClick={() => void show()}>
            Show it
          </Button>
          <span className={ui.soft}>{why === undefined ? "That you read it stands in the trail." : `Not now: ${why}.`}</span>
        </div>
      ) : (
        <div className={ui.card}>
          <div className={ui.stack}>
            <Facts of={[["Subject", content.subject]]} />
            <iframe
              className={ui.mail}
              title="The mail, as it was sent"
              sandbox=""
              referrerPolicy="no-referrer"
              srcDoc={quiet(content.html, nonce())}
            />
            <details>
              <summary>The plain text</summary>
              <pre className={ui.json} tabIndex={0} role="region" aria-label="The plain text">
                {content.text}
              </pre>
            </details>
            <Note tone="quiet">Links and pictures are dead here.</Note>
          </div>
        </div>
      )}
      <Fault error={fault} />
    </section>
  );
}
