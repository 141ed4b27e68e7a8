-- Administrators and the trail of what they do (SPEC §5 admin, §16).

CREATE TABLE admin_accounts (
    user_name     text        CONSTRAINT admin_accounts_pkey PRIMARY KEY,
    password_hash text        NOT NULL,
    enabled       boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at  timestamptz
);
COMMENT ON COLUMN admin_accounts.password_hash IS 'bcrypt, cost 12.';

CREATE TABLE audit_log (
    audit_id    uuid        CONSTRAINT audit_log_pkey PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text        NOT NULL,
    action      text        NOT NULL,
    target_type text        NOT NULL,
    target_id   text        NOT NULL,
    detail      jsonb       NOT NULL DEFAULT '{}',
    request_id  text        NOT NULL,
    ip          text        NOT NULL
);
COMMENT ON TABLE audit_log IS 'Append-only: every administrator''s write, in the same transaction as the write.';
CREATE INDEX audit_log_target_idx ON audit_log (target_type, target_id, audit_id DESC);
CREATE INDEX audit_log_actor_idx ON audit_log (actor, audit_id DESC);

INSERT INTO schema_versions (version, compatible_from) VALUES (8, 1);
