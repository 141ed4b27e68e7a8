// How administrators come in, in the mock: sessions, second factors, tokens, as docs/administrators.md has it.

import { randomBytes } from "node:crypto";

import { at, id } from "./data.mjs";
import { refuse } from "./operations.mjs";
import { codeAt, step } from "./totp.mjs";

const MINUTES = 60_000;
const COOKIE = "galaxy-mock";

/** 80 bits as they are written down. */
const recoveryCode = () =>
  randomBytes(10)
    .toString("hex")
    .toUpperCase()
    .match(/.{5}/g)
    .join("-");

/** A code counts once, and within one step of now; else a recovery code does. */
function taken(account, code) {
  for (let step_ = Math.max((account.last_step ?? 0) + 1, step() - 1); step_ <= step() + 1; step_ += 1) {
    if (codeAt(account.secret, step_) === code) {
      account.last_step = step_;
      return true;
    }
  }
  const place = (account.recovery_codes ?? []).indexOf(code);
  if (place >= 0) account.recovery_codes.splice(place, 1);
  return place >= 0;
}

const wrong = () => refuse(422, "code_incorrect", "The code is wrong.");

/** Who calls: by the cookie of a session, or by name and password with each call. */
export function caller(state, request) {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (basic) {
    const [name, password] = Buffer.from(basic, "base64").toString().split(":");
    const account = state.admins.find((admin) => admin.user_name === name && admin.password === password);
    if (account) return { account };
  }
  const cookie = new RegExp(`${COOKIE}=(\\w+)`).exec(request.headers.cookie ?? "")?.[1];
  const session = state.sessions.get(cookie);
  if (!session)
    refuse(401, "admin_session_required", "This path wants an administrator who has signed in, or a token.");
  return { session, cookie, account: state.admins.find((admin) => admin.user_name === session.user_name) };
}

/** A session as the contract has it. */
const seen = ({ user_name: _, ...session }, current) => ({ ...session, current });

function opened(state, account, confirmed) {
  const token = randomBytes(8).toString("hex");
  const session = {
    user_name: account.user_name,
    session_id: id(),
    created_at: new Date().toISOString(),
    last_seen_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + 720 * MINUTES).toISOString(),
    confirmed_until: confirmed ? new Date(Date.now() + 10 * MINUTES).toISOString() : null,
    ip: "203.0.113.7",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chromium/156",
    ended_at: null,
    end_reason: null,
  };
  state.sessions.set(token, session);
  return [seen(session, true), { "set-cookie": `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict` }];
}

/** Ends every session of an account. */
export function ended(state, name) {
  for (const [token, session] of state.sessions) if (session.user_name === name) state.sessions.delete(token);
}

/** The two operations by which one comes in; `undefined`: it is neither. */
export function door(state, path, body) {
  if (path === "/auth/sign-in") {
    const account = state.admins.find((admin) => admin.user_name === body.user_name && admin.enabled);
    if (!account || body.password !== account.password)
      refuse(401, "sign_in_refused", "The administrator’s name or password is wrong, or the account is disabled.");
    if (account.secret) {
      const ticket = randomBytes(8).toString("hex");
      state.tickets.set(ticket, account);
      return [200, { session: null, ticket, second_factor: "totp" }];
    }
    const [session, cookie] = opened(state, account, false);
    return [200, { session, ticket: null, second_factor: null }, cookie];
  }
  if (path === "/auth/second-factor") {
    const account = state.tickets.get(body.ticket);
    if (!account) refuse(410, "sign_in_ticket_expired", "The ticket is unknown, expired, used or out of tries.");
    if (!taken(account, body.code)) wrong();
    state.tickets.delete(body.ticket);
    return [200, ...opened(state, account, true)];
  }
  return undefined;
}

/** What one does with one's own way in; `undefined`: it is nothing of that. */
export function own(state, method, path, body, { account, session, cookie }, permissions) {
  const call = `${method} ${path}`;
  if (call === "GET /auth/me")
    return [
      200,
      {
        user_name: account.user_name,
        email: account.email,
        roles: account.roles,
        permissions,
        via: session ? "session" : "basic",
        factor: {
          enabled: Boolean(account.secret),
          required: false,
          recovery_codes_left: account.recovery_codes?.length ?? 0,
        },
        session: session ? seen(session, true) : null,
        basic: true,
      },
    ];
  if (call === "POST /auth/sign-out") {
    state.sessions.delete(cookie);
    return [200, seen({ ...session, ended_at: at(0), end_reason: "signed_out" }, true)];
  }
  if (call === "POST /auth/confirm") {
    if (!taken(account, body.code)) wrong();
    session.confirmed_until = new Date(Date.now() + 10 * MINUTES).toISOString();
    return [200, { confirmed_until: session.confirmed_until }];
  }
  if (call === "GET /auth/sessions") {
    const mine = [...state.sessions.values()].filter(({ user_name }) => user_name === account.user_name);
    return [200, { items: mine.map((each) => seen(each, each === session)).reverse(), next_cursor: null }];
  }
  if (call === "GET /auth/tokens") return [200, { items: state.tokens, next_cursor: null }];
  if (call === "POST /auth/tokens") {
    const { name, roles, expires_in_days } = body;
    const facts = {
      token_id: id(),
      name,
      roles,
      created_at: at(0),
      expires_at: at(expires_in_days * 1440),
      last_used_at: null,
      revoked_at: null,
    };
    state.tokens.unshift(facts);
    return [201, { ...facts, token: `galaxy_admin_${randomBytes(24).toString("base64url")}` }];
  }
  if (call === "POST /auth/totp") {
    account.pending = Array.from(randomBytes(32), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte & 31]).join("");
    const otpauth_uri = `otpauth://totp/Galaxy:${account.user_name}?secret=${account.pending}&issuer=Galaxy`;
    return [200, { secret: account.pending, otpauth_uri }];
  }
  if (call === "POST /auth/totp/confirm") {
    const set_up = { secret: account.pending, last_step: 0 };
    if (!taken(set_up, body.code)) wrong();
    const recovery_codes = Array.from({ length: 10 }, recoveryCode);
    Object.assign(account, set_up, { recovery_codes: [...recovery_codes], has_second_factor: true });
    ended(state, account.user_name);
    const [, next] = session ? opened(state, account, true) : [];
    return [200, { recovery_codes }, next];
  }
  return undefined;
}

/** Whether what wants a code may go: a code within ten minutes, of whoever has a second factor. The journeys' own calls may. */
export const confirmed = ({ account, session }) =>
  !account.secret || !session || Date.parse(session.confirmed_until ?? 0) > Date.now();
