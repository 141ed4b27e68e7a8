// What stands around every page: sections, the top, the banner, what was said, and the dialogs that a call may wait for.

import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState, type FormEvent } from "react";

import * as auth from "../api/auth";
import { freshness, isStale } from "../api/freshness";
import { gate, settle } from "../api/gate";
import { gameZone, live, paint, theme, themes, zoneChoice, zones, type Theme, type ZoneChoice } from "../api/settings";
import { useStore } from "../api/store";
import { clock } from "../text/time";
import { Button, cls, Fault, Note, useZone } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { said } from "../ui/say";
import ui from "../ui/ui.module.css";
import { useMe } from "./me";
import { SECTIONS } from "./sections";
import { SetUp } from "../pages/set_up";
import { Brand, ConfirmForm, SignInForm, SignInPage } from "./SignIn";
import css from "./shell.module.css";

/** All of it. */
export function Shell() {
  const me = useMe();
  const queries = useQueryClient();
  const again = () => void queries.invalidateQueries();
  if (me.isPending) return <p className={ui.empty}>Looking…</p>;
  if (me.data === undefined) {
    return (
      <div className={css.door}>
        <main>
          <Fault error={me.error} />
          <Button look="main" onClick={again}>
            Try again
          </Button>
        </main>
      </div>
    );
  }
  if (me.data === null) return <SignInPage onDone={again} />;
  return <Frame me={me.data} />;
}

function Frame({ me }: { me: auth.Me }) {
  const [menu, setMenu] = useState(false);
  const path = useRouterState({ select: (state) => (state.resolvedLocation ?? state.location).pathname });
  const page = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    setMenu(false);
    const heading = page.current?.querySelector("h1");
    // Another page: the keyboard and the screen reader begin at its head.
    if (!first.current) heading?.focus();
    first.current = false;
  }, [path]);
  return (
    <>
      <a className={css.skip} href="#page" onClick={() => page.current?.focus()}>
        To the page
      </a>
      <div className={css.frame}>
        <nav className={css.side} aria-label="Sections">
          <div>
            <div className={css.brand}>
              <Brand />
            </div>
            <Sections />
          </div>
        </nav>
        <div className={css.column}>
          <header className={css.top}>
            <Button className={css.open} onClick={() => setMenu(true)}>
              <Icon of="menu" /> Sections
            </Button>
            <Search />
            <Live />
            <div className={css.controls}>
              <Controls me={me} />
            </div>
          </header>
          <Banner />
          <main id="page" className={css.page} ref={page} tabIndex={-1}>
            {auth.wantsFactor(me) ? <FirstFactor /> : <Outlet />}
          </main>
        </div>
      </div>
      {menu && (
        <Dialog title="Sections" onClose={() => setMenu(false)}>
          <nav className={css.drawer} aria-label="Sections">
            <Sections />
          </nav>
          <div className={css.inDrawer}>
            <Controls me={me} />
          </div>
        </Dialog>
      )}
      <Said />
      <Gates me={me} />
    </>
  );
}

/** Before there is a second factor, nothing else goes. */
function FirstFactor() {
  return (
    <>
      <h1 tabIndex={-1}>One thing before you begin</h1>
      <Note tone="warn">
        Whoever may change something here has a second factor: an authenticator that shows six digits. Set it up now; it
        takes a minute.
      </Note>
      <div>
        <SetUp has={false} />
      </div>
    </>
  );
}

function Sections() {
  return SECTIONS.map(({ title, pages }) => (
    <div key={title}>
      <h2>{title}</h2>
      <ul>
        {pages.map(({ to, label }) => (
          <li key={to}>
            <Link to={to} activeOptions={{ includeSearch: false }} activeProps={{ "aria-current": "page" }}>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  ));
}

/** One box for everything. What it finds has an address, as every list has. */
function Search() {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const find = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") void navigate({ to: "/search", search: { q: text.trim() } });
  };
  return (
    <search className={css.find}>
      <form onSubmit={find}>
        <input
          className={ui.input}
          type="search"
          aria-label="Find anything"
          placeholder="Find: id, address, name, request"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </search>
  );
}

function Live() {
  const goes = useStore(live);
  return (
    <Button small look="plain" aria-pressed={!goes} onClick={() => live.set(!goes)}>
      {goes ? "Pause looking" : "Look on"}
    </Button>
  );
}

function Controls({ me }: { me: auth.Me }) {
  const [zone, colours, game] = [useStore(zoneChoice), useStore(theme), useStore(gameZone)];
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zoneText: Record<ZoneChoice, string> = {
    mine: `Mine (${mine})`,
    utc: "UTC",
    game: `The game’s${game ? ` (${game})` : ""}`,
  };
  const queries = useQueryClient();
  async function leave(): Promise<void> {
    await auth.signOut().catch(() => undefined);
    queries.clear();
    location.reload();
  }
  return (
    <>
      <label>
        <span>Times</span>
        <select value={zone} onChange={(event) => zoneChoice.set(event.target.value as ZoneChoice)}>
          {zones.map((each) => (
            <option key={each} value={each}>
              {zoneText[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Colours</span>
        <select
          value={colours}
          onChange={(event) => {
            theme.set(event.target.value as Theme);
            paint();
          }}
        >
          {themes.map((each) => (
            <option key={each} value={each}>
              {{ system: "As the system", light: "Light", dark: "Dark" }[each]}
            </option>
          ))}
        </select>
      </label>
      <Link to="/me">{me.user_name}</Link>
      <Button small onClick={() => void leave()}>
        Sign out
      </Button>
    </>
  );
}

/** Told after two looks that found nobody: what stands on the page may be old. */
function Banner() {
  const state = useStore(freshness);
  const zone = useZone();
  if (!isStale(state)) return <div role="alert" />;
  return (
    <div className={css.banner} role="alert">
      <Note tone="bad" title="The server cannot be reached.">
        {state.heard === undefined ? "It has not answered yet." : `What you see is of ${clock(state.heard, zone)}.`} The
        page goes on looking.
      </Note>
    </div>
  );
}

function Said() {
  const words = useStore(said);
  useEffect(() => {
    if (!words) return undefined;
    const timer = window.setTimeout(() => said.set(undefined), 6000);
    return () => window.clearTimeout(timer);
  }, [words]);
  return (
    <div className={css.said} role="status">
      {words && <Note tone="good">{words.text}</Note>}
    </div>
  );
}

/** What a call waits for: over the page, whatever is on it. */
function Gates({ me }: { me: auth.Me }) {
  const wanted = useStore(gate);
  const queries = useQueryClient();
  if (wanted === "sign_in") {
    const done = () => {
      settle(true);
      void queries.invalidateQueries({ queryKey: ["me"] });
    };
    return (
      <Dialog title="Your session has ended" onClose={() => settle(false)}>
        <p className={cls(ui.soft)}>Sign in again: the page, and what you typed, stay as they are.</p>
        <SignInForm name={me.user_name} onDone={done} onCancel={() => settle(false)} />
      </Dialog>
    );
  }
  if (wanted === "confirm") {
    return (
      <Dialog title="Confirm that it is you" onClose={() => settle(false)}>
        <ConfirmForm onDone={() => settle(true)} onCancel={() => settle(false)} />
      </Dialog>
    );
  }
  return null;
}
