-- Accounts as administrators and the gateway see them: names that do not look alike, overridden limits, plans that
-- supersede each other, searches, and what an erasure must find (SPEC §5, §6).

ALTER TABLE accounts
    ADD COLUMN canonical_user_name text CONSTRAINT accounts_canonical_user_name_key UNIQUE,
    ADD COLUMN limit_private_games integer CONSTRAINT accounts_limit_private_games_check CHECK (limit_private_games >= 0),
    ADD COLUMN limit_memberships   integer CONSTRAINT accounts_limit_memberships_check CHECK (limit_memberships >= 0),
    ADD COLUMN limit_race_names    integer CONSTRAINT accounts_limit_race_names_check CHECK (limit_race_names >= 0);
COMMENT ON COLUMN accounts.canonical_user_name IS 'What makes two handles the same to the eye (as race_names.canonical_key). Null: a row from before this column, or a deleted account.';
COMMENT ON COLUMN accounts.limit_private_games IS 'Own private games at once, for this account alone; null: the plan''s.';
COMMENT ON COLUMN accounts.limit_memberships IS 'Active memberships at once, for this account alone; null: the plan''s.';
COMMENT ON COLUMN accounts.limit_race_names IS 'Registered race names, for this account alone; null: the plan''s.';
-- "C": ranges over them are prefixes, whatever the database's language.
CREATE INDEX accounts_user_name_prefix_idx ON accounts (user_name COLLATE "C");
CREATE INDEX accounts_display_name_prefix_idx ON accounts (lower(display_name) COLLATE "C");

ALTER TABLE entitlements
    ADD COLUMN superseded_at     timestamptz,
    ADD COLUMN idempotency_owner text,
    ADD COLUMN idempotency_key   text,
    ADD COLUMN idempotency_hash  bytea,
    ADD CONSTRAINT entitlements_idempotency_key UNIQUE (idempotency_owner, idempotency_key);
UPDATE entitlements e SET superseded_at = clock_timestamp()
 WHERE EXISTS (SELECT FROM entitlements n WHERE n.user_id = e.user_id AND n.entitlement_id > e.entitlement_id);
COMMENT ON TABLE entitlements IS 'History of granted plans. The one row of a user that is not superseded is the snapshot that everybody reads: his plan until ends_at, free from then on; no row means free.';
COMMENT ON COLUMN entitlements.superseded_at IS 'When a later grant took its place; null: the snapshot.';
COMMENT ON COLUMN entitlements.source IS 'Who or what granted it: a word of the administrator''s, such as admin, purchase or promotion.';
CREATE UNIQUE INDEX entitlements_snapshot_key ON entitlements (user_id) WHERE superseded_at IS NULL;
CREATE INDEX entitlements_plan_idx ON entitlements (plan, user_id DESC) WHERE superseded_at IS NULL;

ALTER TABLE sanctions
    ADD COLUMN idempotency_owner text,
    ADD COLUMN idempotency_key   text,
    ADD COLUMN idempotency_hash  bytea,
    ADD CONSTRAINT sanctions_idempotency_key UNIQUE (idempotency_owner, idempotency_key);
CREATE INDEX sanctions_history_idx ON sanctions (user_id, sanction_id DESC);
CREATE INDEX sanctions_kind_idx ON sanctions (kind, user_id DESC) WHERE lifted_at IS NULL;

-- An erasure finds what tells of a person.
CREATE INDEX notifications_user_ids_idx ON notifications USING gin (user_ids) WHERE audience = 'users';

INSERT INTO schema_versions (version, compatible_from) VALUES (9, 1);
