-- Sanctions outlive a deleted account (SPEC §6): those in force wait here under a keyed hash of each identity, and whoever makes an
-- account with one of them has them again. The key is not in the database, so a row does not tell whose it is.

CREATE TABLE carried_sanctions (
    sanction_id   uuid        CONSTRAINT carried_sanctions_pkey PRIMARY KEY,
    identity_hash bytea       NOT NULL CONSTRAINT carried_sanctions_identity_hash_check CHECK (octet_length(identity_hash) = 32),
    kind          text        NOT NULL CONSTRAINT carried_sanctions_kind_check CHECK (kind IN
        ('login_block', 'private_game_create_block', 'private_game_manage_block', 'game_join_block', 'profile_update_block', 'permanent_block')),
    actor         text        NOT NULL,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz
);
CREATE INDEX carried_sanctions_identity_hash_idx ON carried_sanctions (identity_hash);
CREATE INDEX carried_sanctions_ends_at_idx ON carried_sanctions (ends_at) WHERE ends_at IS NOT NULL;

COMMENT ON TABLE carried_sanctions IS 'Sanctions in force of deleted accounts, by a keyed hash of the identity: the next account of the identity takes them over.';
COMMENT ON COLUMN carried_sanctions.sanction_id IS 'UUIDv7, of the sanction that the next account gets.';
COMMENT ON COLUMN carried_sanctions.identity_hash IS 'HMAC-SHA-256 of the identity''s kind and external id under a key that the pepper keys (BACKEND_AUTH_CODE_PEPPER).';
COMMENT ON COLUMN carried_sanctions.kind IS 'What it refuses; the table is in docs/accounts.md.';
COMMENT ON COLUMN carried_sanctions.actor IS 'The administrator who set it, by admin_accounts.user_name.';
COMMENT ON COLUMN carried_sanctions.starts_at IS 'From when it was in force on the deleted account.';
COMMENT ON COLUMN carried_sanctions.ends_at IS 'Until when it is in force; the row goes then. Null: until an administrator lifts it from the next account.';

INSERT INTO schema_versions (version, compatible_from) VALUES (27, 1);
