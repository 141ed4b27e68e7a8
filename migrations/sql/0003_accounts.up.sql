-- Accounts, identities, sign-in challenges, sessions, entitlements and sanctions (SPEC §6).

CREATE TABLE accounts (
    user_id            uuid        CONSTRAINT accounts_pkey PRIMARY KEY,
    user_name          text        NOT NULL CONSTRAINT accounts_user_name_key UNIQUE,
    display_name       text,
    preferred_language text        NOT NULL,
    time_zone          text        NOT NULL,
    declared_country   text,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at         timestamptz,
    CONSTRAINT accounts_declared_country_check CHECK (declared_country ~ '^[A-Z]{2}$')
);
COMMENT ON COLUMN accounts.user_name IS 'Unique handle. A placeholder at registration, changed by the user later.';
COMMENT ON COLUMN accounts.preferred_language IS 'BCP 47 language tag in canonical form.';
COMMENT ON COLUMN accounts.time_zone IS 'IANA time zone name.';
COMMENT ON COLUMN accounts.declared_country IS 'ISO 3166-1 alpha-2, from the address at registration; written once, never updated (SPEC §14).';
COMMENT ON COLUMN accounts.deleted_at IS 'Soft delete: the row stays, what identifies the person is erased (SPEC §6).';

CREATE TABLE identities (
    identity_id uuid        CONSTRAINT identities_pkey PRIMARY KEY,
    user_id     uuid        NOT NULL CONSTRAINT identities_user_id_fkey REFERENCES accounts,
    kind        text        NOT NULL CONSTRAINT identities_kind_check CHECK (kind IN ('email', 'telegram')),
    external_id text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT identities_kind_external_id_key UNIQUE (kind, external_id)
);
COMMENT ON COLUMN identities.external_id IS 'For email the normalised address; the uniqueness that makes concurrent registrations one account.';
CREATE INDEX identities_user_id_idx ON identities (user_id);

CREATE TABLE auth_addresses (
    address     text    CONSTRAINT auth_addresses_pkey PRIMARY KEY,
    day         date    NOT NULL,
    wrong_tries integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE auth_addresses IS 'One row per address that asked for a code, whether or not it has an account. Its row lock serialises the throttle; it holds the budget of wrong tries of a day (SPEC §6).';

CREATE TABLE auth_challenges (
    challenge_id       uuid        CONSTRAINT auth_challenges_pkey PRIMARY KEY,
    address            text        NOT NULL,
    code_hash          bytea       NOT NULL,
    salt               bytea       NOT NULL,
    preferred_language text,
    attempts           integer     NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at         timestamptz NOT NULL,
    consumed_at        timestamptz
);
COMMENT ON COLUMN auth_challenges.code_hash IS 'HMAC-SHA-256 keyed with the server pepper over salt and code; the code itself is nowhere but in the mail payload until the mail is sent.';
COMMENT ON COLUMN auth_challenges.attempts IS 'Tries so far, counted and committed before the comparison.';
CREATE INDEX auth_challenges_address_idx ON auth_challenges (address, created_at DESC) WHERE consumed_at IS NULL;
CREATE INDEX auth_challenges_expires_at_idx ON auth_challenges (expires_at);

CREATE TABLE device_sessions (
    device_session_id uuid        CONSTRAINT device_sessions_pkey PRIMARY KEY,
    user_id           uuid        NOT NULL CONSTRAINT device_sessions_user_id_fkey REFERENCES accounts,
    client_public_key bytea,
    token_hash        bytea       CONSTRAINT device_sessions_token_hash_key UNIQUE,
    status            text        NOT NULL DEFAULT 'active' CONSTRAINT device_sessions_status_check CHECK (status IN ('active', 'revoked')),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at        timestamptz,
    revoke_reason     text,
    CONSTRAINT device_sessions_revoked_check CHECK ((status = 'revoked') = (revoked_at IS NOT NULL)),
    CONSTRAINT device_sessions_client_public_key_check CHECK (octet_length(client_public_key) = 32)
);
COMMENT ON COLUMN device_sessions.token_hash IS 'SHA-256 of the opaque 256-bit token, which is answered once and never stored.';
COMMENT ON COLUMN device_sessions.client_public_key IS 'Ed25519 public key (RFC 8032), 32 bytes, a valid point of large order.';
CREATE INDEX device_sessions_user_id_idx ON device_sessions (user_id, device_session_id);

CREATE TABLE entitlements (
    entitlement_id uuid        CONSTRAINT entitlements_pkey PRIMARY KEY,
    user_id        uuid        NOT NULL CONSTRAINT entitlements_user_id_fkey REFERENCES accounts,
    plan           text        NOT NULL CONSTRAINT entitlements_plan_check CHECK (plan IN ('free', 'monthly', 'yearly', 'permanent')),
    source         text        NOT NULL,
    reason         text,
    starts_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at        timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE entitlements IS 'History of granted plans. The newest row that has started and not ended is in force; none means free.';
CREATE INDEX entitlements_user_id_idx ON entitlements (user_id, entitlement_id DESC);

CREATE TABLE sanctions (
    sanction_id uuid        CONSTRAINT sanctions_pkey PRIMARY KEY,
    user_id     uuid        NOT NULL CONSTRAINT sanctions_user_id_fkey REFERENCES accounts,
    kind        text        NOT NULL CONSTRAINT sanctions_kind_check CHECK (kind IN
        ('login_block', 'private_game_create_block', 'private_game_manage_block', 'game_join_block', 'profile_update_block', 'permanent_block')),
    reason      text        NOT NULL,
    actor       text        NOT NULL,
    starts_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at     timestamptz,
    lifted_at   timestamptz
);
COMMENT ON TABLE sanctions IS 'In force while started, not ended and not lifted; read on every request (SPEC §15).';
CREATE INDEX sanctions_user_id_idx ON sanctions (user_id) WHERE lifted_at IS NULL;

INSERT INTO schema_versions (version, compatible_from) VALUES (3, 1);
