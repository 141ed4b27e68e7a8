-- How administrators come in (SPEC §4 "Administrators"): roles, sessions by cookie, a second factor, tokens for programs, and what the
-- trail says of all that. Accounts that are there own everything, as they did.

ALTER TABLE admin_accounts
    ADD COLUMN roles              text[]  NOT NULL DEFAULT ARRAY['owner']
        CONSTRAINT admin_accounts_roles_check CHECK (cardinality(roles) > 0
            AND roles <@ ARRAY['viewer', 'support', 'game_master', 'operator', 'owner']),
    ADD COLUMN email              text,
    ADD COLUMN totp_secret        bytea,
    ADD COLUMN totp_last_step     bigint,
    ADD COLUMN totp_pending       bytea,
    ADD COLUMN totp_pending_until timestamptz,
    ADD COLUMN code_tries         integer NOT NULL DEFAULT 0,
    ADD COLUMN code_day           date;
COMMENT ON COLUMN admin_accounts.roles IS 'What the administrator may do; the table of operations is in api-server/src/http/request/rights.rs. The default is for releases that know no roles.';
COMMENT ON COLUMN admin_accounts.email IS 'Where the administrator is told that their second factor was reset; null: nowhere.';
COMMENT ON COLUMN admin_accounts.totp_secret IS 'The secret of the second factor (RFC 6238), sealed with BACKEND_SECRETS_KEY; null: no second factor.';
COMMENT ON COLUMN admin_accounts.totp_last_step IS 'The newest step of 30 s whose code was accepted: only a later one is accepted again.';
COMMENT ON COLUMN admin_accounts.totp_pending IS 'The sealed secret of a set-up that is not confirmed.';
COMMENT ON COLUMN admin_accounts.totp_pending_until IS 'Until when the set-up can be confirmed.';
COMMENT ON COLUMN admin_accounts.code_tries IS 'Wrong codes on code_day from networks that the account did not sign in from before. Past a limit such networks need a recovery code (SPEC §6, nobody locks anybody out).';
COMMENT ON COLUMN admin_accounts.code_day IS 'The UTC day that code_tries counts.';

CREATE TABLE admin_sessions (
    session_id      uuid        CONSTRAINT admin_sessions_pkey PRIMARY KEY,
    user_name       text        NOT NULL CONSTRAINT admin_sessions_user_name_fkey REFERENCES admin_accounts ON DELETE CASCADE,
    token_hash      bytea       NOT NULL CONSTRAINT admin_sessions_token_hash_key UNIQUE
        CONSTRAINT admin_sessions_token_hash_check CHECK (octet_length(token_hash) = 32),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz NOT NULL,
    confirmed_until timestamptz,
    ip              text        NOT NULL,
    user_agent      text        NOT NULL,
    ended_at        timestamptz,
    end_reason      text        CONSTRAINT admin_sessions_end_reason_check CHECK (end_reason IN
        ('signed_out', 'ended', 'password_changed', 'roles_changed', 'factor_changed', 'disabled'))
);
CREATE INDEX admin_sessions_user_name_idx ON admin_sessions (user_name, session_id DESC);
COMMENT ON TABLE admin_sessions IS 'Administrators'' sessions, by the cookie __Host-galaxy-admin. Removed 90 days after their beginning, when the account signs in again.';
COMMENT ON COLUMN admin_sessions.session_id IS 'UUIDv7.';
COMMENT ON COLUMN admin_sessions.user_name IS 'Whose.';
COMMENT ON COLUMN admin_sessions.token_hash IS 'SHA-256 of the cookie''s 256 random bits.';
COMMENT ON COLUMN admin_sessions.created_at IS 'When the administrator signed in.';
COMMENT ON COLUMN admin_sessions.last_seen_at IS 'The last request that a person caused, to the minute: BACKEND_ADMIN_SESSION_IDLE counts from here.';
COMMENT ON COLUMN admin_sessions.expires_at IS 'When it ends however much it is used (BACKEND_ADMIN_SESSION_MAX).';
COMMENT ON COLUMN admin_sessions.confirmed_until IS 'Until when sensitive operations go without another code; null: a factor was never given.';
COMMENT ON COLUMN admin_sessions.ip IS 'The address that signed in.';
COMMENT ON COLUMN admin_sessions.user_agent IS 'The User-Agent that signed in, cut to 200 characters.';
COMMENT ON COLUMN admin_sessions.ended_at IS 'When it was ended; null: it stands, unless it ran out.';
COMMENT ON COLUMN admin_sessions.end_reason IS 'Why it was ended.';

CREATE TABLE admin_sign_in_tickets (
    ticket_hash bytea       CONSTRAINT admin_sign_in_tickets_pkey PRIMARY KEY
        CONSTRAINT admin_sign_in_tickets_ticket_hash_check CHECK (octet_length(ticket_hash) = 32),
    user_name   text        NOT NULL CONSTRAINT admin_sign_in_tickets_user_name_fkey REFERENCES admin_accounts ON DELETE CASCADE,
    password_hash text      NOT NULL,
    expires_at  timestamptz NOT NULL,
    tries       integer     NOT NULL DEFAULT 0,
    used_at     timestamptz
);
CREATE INDEX admin_sign_in_tickets_user_name_idx ON admin_sign_in_tickets (user_name);
COMMENT ON TABLE admin_sign_in_tickets IS 'Sign-ins between the password and the second factor. Removed when the account signs in again.';
COMMENT ON COLUMN admin_sign_in_tickets.ticket_hash IS 'SHA-256 of the ticket''s 256 random bits.';
COMMENT ON COLUMN admin_sign_in_tickets.user_name IS 'Whose password was right.';
COMMENT ON COLUMN admin_sign_in_tickets.password_hash IS 'The stored hash of the password that was right: a ticket is worth nothing once the account has another one.';
COMMENT ON COLUMN admin_sign_in_tickets.expires_at IS 'Until when it takes a code.';
COMMENT ON COLUMN admin_sign_in_tickets.tries IS 'Codes so far, counted and committed before they are compared.';
COMMENT ON COLUMN admin_sign_in_tickets.used_at IS 'When it became a session; null: it did not.';

CREATE TABLE admin_recovery_codes (
    user_name text        NOT NULL CONSTRAINT admin_recovery_codes_user_name_fkey REFERENCES admin_accounts ON DELETE CASCADE,
    code_hash bytea       NOT NULL CONSTRAINT admin_recovery_codes_code_hash_check CHECK (octet_length(code_hash) = 32),
    used_at   timestamptz,
    CONSTRAINT admin_recovery_codes_pkey PRIMARY KEY (user_name, code_hash)
);
COMMENT ON TABLE admin_recovery_codes IS 'Codes that stand in for the second factor, each once.';
COMMENT ON COLUMN admin_recovery_codes.user_name IS 'Whose.';
COMMENT ON COLUMN admin_recovery_codes.code_hash IS 'SHA-256 of the code''s 16 characters, which hold 80 random bits.';
COMMENT ON COLUMN admin_recovery_codes.used_at IS 'When it was used; null: it is good.';

CREATE TABLE admin_tokens (
    token_id     uuid        CONSTRAINT admin_tokens_pkey PRIMARY KEY,
    user_name    text        NOT NULL CONSTRAINT admin_tokens_user_name_fkey REFERENCES admin_accounts ON DELETE CASCADE,
    name         text        NOT NULL,
    token_hash   bytea       NOT NULL CONSTRAINT admin_tokens_token_hash_key UNIQUE
        CONSTRAINT admin_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    roles        text[]      NOT NULL CONSTRAINT admin_tokens_roles_check CHECK (cardinality(roles) > 0
        AND roles <@ ARRAY['viewer', 'support', 'game_master', 'operator', 'owner']),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX admin_tokens_user_name_idx ON admin_tokens (user_name, token_id DESC);
COMMENT ON TABLE admin_tokens IS 'Bearer tokens with which programs call the administrators'' operations.';
COMMENT ON COLUMN admin_tokens.token_id IS 'UUIDv7.';
COMMENT ON COLUMN admin_tokens.user_name IS 'On whose behalf.';
COMMENT ON COLUMN admin_tokens.name IS 'What the owner calls it.';
COMMENT ON COLUMN admin_tokens.token_hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN admin_tokens.roles IS 'What it was given; it may do no more than its owner may at the moment.';
COMMENT ON COLUMN admin_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN admin_tokens.expires_at IS 'Until when it admits, a year at most.';
COMMENT ON COLUMN admin_tokens.last_used_at IS 'When it was last used, to the minute.';
COMMENT ON COLUMN admin_tokens.revoked_at IS 'When it was revoked; null: it was not.';

ALTER TABLE audit_log
    ADD COLUMN outcome    text NOT NULL DEFAULT 'done' CONSTRAINT audit_log_outcome_check CHECK (outcome IN ('done', 'refused')),
    ADD COLUMN via        text CONSTRAINT audit_log_via_check CHECK (via IN ('session', 'token', 'basic')),
    ADD COLUMN session_id uuid;
COMMENT ON COLUMN audit_log.outcome IS 'done, or refused: a sign-in that failed, an operation that the administrator may not do.';
COMMENT ON COLUMN audit_log.via IS 'How the administrator came in; null: of a release that does not say.';
COMMENT ON COLUMN audit_log.session_id IS 'The session (admin_sessions) that it was done in, where there was one.';

INSERT INTO schema_versions (version, compatible_from) VALUES (30, 1);
