-- Engine versions, games, applications, invites, memberships and the Race Name Directory (SPEC §7, §8).

-- One person may hold a canonical key in several games, two persons never: an exclusion constraint over (key =, holder <>) says just that.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE engine_versions (
    version           text        CONSTRAINT engine_versions_pkey PRIMARY KEY,
    image             text        NOT NULL,
    enabled           boolean     NOT NULL DEFAULT true,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    idempotency_owner text,
    idempotency_key   text,
    idempotency_hash  bytea,
    CONSTRAINT engine_versions_idempotency_key UNIQUE (idempotency_owner, idempotency_key)
);
COMMENT ON COLUMN engine_versions.version IS 'Semantic version label.';
COMMENT ON COLUMN engine_versions.image IS 'Image reference, by tag or digest; with the process driver the path of a binary.';
COMMENT ON COLUMN engine_versions.idempotency_hash IS 'SHA-256 of the request body that made the row: the same key with another body is refused (SPEC §3).';

CREATE TABLE games (
    game_id               uuid        CONSTRAINT games_pkey PRIMARY KEY,
    name                  text        NOT NULL,
    description           text        NOT NULL DEFAULT '',
    visibility            text        NOT NULL CONSTRAINT games_visibility_check CHECK (visibility IN ('public', 'private')),
    status                text        NOT NULL DEFAULT 'draft' CONSTRAINT games_status_check CHECK (status IN
        ('draft', 'enrollment_open', 'ready_to_start', 'starting', 'start_failed', 'running', 'paused', 'finished', 'cancelled')),
    owner_user_id         uuid        CONSTRAINT games_owner_user_id_fkey REFERENCES accounts,
    min_players           integer     NOT NULL,
    max_players           integer     NOT NULL,
    approved_count        integer     NOT NULL DEFAULT 0,
    enrollment_ends_at    timestamptz NOT NULL,
    turn_schedule         text        NOT NULL,
    time_zone             text        NOT NULL DEFAULT 'UTC',
    target_engine_version text        NOT NULL CONSTRAINT games_target_engine_version_fkey REFERENCES engine_versions,
    current_turn          integer     NOT NULL DEFAULT 0,
    pause_reason          text,
    pauses                integer     NOT NULL DEFAULT 0,
    winners               text[]      NOT NULL DEFAULT '{}',
    notification_seq      bigint      NOT NULL DEFAULT 0,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at            timestamptz,
    finished_at           timestamptz,
    idempotency_owner     text,
    idempotency_key       text,
    idempotency_hash      bytea,
    CONSTRAINT games_idempotency_key UNIQUE (idempotency_owner, idempotency_key),
    CONSTRAINT games_players_check CHECK (1 <= min_players AND min_players <= max_players AND max_players <= 1000),
    CONSTRAINT games_approved_count_check CHECK (0 <= approved_count AND approved_count <= max_players),
    CONSTRAINT games_private_owner_check CHECK (visibility = 'public' OR owner_user_id IS NOT NULL)
);
COMMENT ON COLUMN games.approved_count IS 'Active memberships, kept under this row''s lock; the check makes over-approval impossible under any concurrency.';
COMMENT ON COLUMN games.turn_schedule IS 'Five-field cron, or @every <n>(s|m|h) (SPEC §7).';
COMMENT ON COLUMN games.time_zone IS 'IANA zone in which the cron fields are read.';
COMMENT ON COLUMN games.notification_seq IS 'Last notification number, taken under this row''s lock: push order per (user, game) follows it (SPEC §13).';
COMMENT ON COLUMN games.pauses IS 'Pauses of the current turn so far; makes later pauses'' idempotency keys distinct.';
CREATE INDEX games_visibility_idx ON games (visibility, game_id DESC);
CREATE INDEX games_owner_user_id_idx ON games (owner_user_id, game_id DESC);
CREATE INDEX games_enrollment_idx ON games (enrollment_ends_at) WHERE status = 'enrollment_open';

CREATE TABLE race_names (
    race_name_id  uuid        CONSTRAINT race_names_pkey PRIMARY KEY,
    canonical_key text        NOT NULL,
    race_name     text        NOT NULL,
    user_id       uuid        NOT NULL CONSTRAINT race_names_user_id_fkey REFERENCES accounts,
    status        text        NOT NULL CONSTRAINT race_names_status_check CHECK (status IN ('reserved', 'pending_registration', 'registered', 'released')),
    game_id       uuid        CONSTRAINT race_names_game_id_fkey REFERENCES games,
    expires_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT race_names_one_holder_excl EXCLUDE USING gist (canonical_key WITH =, user_id WITH <>) WHERE (status <> 'released'),
    CONSTRAINT race_names_expires_at_check CHECK ((status = 'pending_registration') = (expires_at IS NOT NULL))
);
COMMENT ON TABLE race_names IS 'The Race Name Directory: one row per name, holder and game (SPEC §7).';
COMMENT ON COLUMN race_names.canonical_key IS 'NFKC, case-folded, UTS 39 skeleton, separators removed.';
CREATE UNIQUE INDEX race_names_game_id_canonical_key_key ON race_names (game_id, canonical_key) WHERE status IN ('reserved', 'pending_registration');
CREATE INDEX race_names_user_id_idx ON race_names (user_id, race_name_id DESC);
CREATE INDEX race_names_expires_at_idx ON race_names (expires_at) WHERE status = 'pending_registration';

CREATE TABLE applications (
    application_id    uuid        CONSTRAINT applications_pkey PRIMARY KEY,
    game_id           uuid        NOT NULL CONSTRAINT applications_game_id_fkey REFERENCES games,
    user_id           uuid        NOT NULL CONSTRAINT applications_user_id_fkey REFERENCES accounts,
    race_name         text        NOT NULL,
    canonical_key     text        NOT NULL,
    status            text        NOT NULL DEFAULT 'submitted' CONSTRAINT applications_status_check CHECK (status IN
        ('submitted', 'approved', 'rejected', 'withdrawn', 'closed')),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at        timestamptz,
    idempotency_owner text,
    idempotency_key   text,
    idempotency_hash  bytea,
    CONSTRAINT applications_idempotency_key UNIQUE (idempotency_owner, idempotency_key)
);
CREATE UNIQUE INDEX applications_game_id_user_id_key ON applications (game_id, user_id) WHERE status IN ('submitted', 'approved');
CREATE INDEX applications_game_id_idx ON applications (game_id, application_id DESC);
CREATE INDEX applications_user_id_idx ON applications (user_id, application_id DESC);

CREATE TABLE invites (
    invite_id         uuid        CONSTRAINT invites_pkey PRIMARY KEY,
    game_id           uuid        NOT NULL CONSTRAINT invites_game_id_fkey REFERENCES games,
    inviter_user_id   uuid        NOT NULL CONSTRAINT invites_inviter_user_id_fkey REFERENCES accounts,
    invited_user_id   uuid        CONSTRAINT invites_invited_user_id_fkey REFERENCES accounts,
    code              text        CONSTRAINT invites_code_key UNIQUE,
    max_uses          integer,
    uses              integer     NOT NULL DEFAULT 0,
    status            text        NOT NULL DEFAULT 'open' CONSTRAINT invites_status_check CHECK (status IN
        ('open', 'redeemed', 'declined', 'revoked', 'expired', 'closed')),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL,
    idempotency_owner text,
    idempotency_key   text,
    idempotency_hash  bytea,
    CONSTRAINT invites_idempotency_key UNIQUE (idempotency_owner, idempotency_key),
    CONSTRAINT invites_target_check CHECK ((invited_user_id IS NOT NULL AND code IS NULL AND max_uses IS NULL)
                                        OR (invited_user_id IS NULL AND code IS NOT NULL AND max_uses IS NOT NULL)),
    CONSTRAINT invites_uses_check CHECK (0 <= uses AND uses <= coalesce(max_uses, 1))
);
COMMENT ON COLUMN invites.code IS 'Shareable code; null for an invite to one user.';
CREATE UNIQUE INDEX invites_game_id_invited_user_id_key ON invites (game_id, invited_user_id) WHERE status = 'open';
CREATE INDEX invites_game_id_idx ON invites (game_id, invite_id DESC);
CREATE INDEX invites_invited_user_id_idx ON invites (invited_user_id, invite_id DESC);

CREATE TABLE memberships (
    membership_id uuid        CONSTRAINT memberships_pkey PRIMARY KEY,
    game_id       uuid        NOT NULL CONSTRAINT memberships_game_id_fkey REFERENCES games,
    user_id       uuid        NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES accounts,
    race_name     text        NOT NULL,
    canonical_key text        NOT NULL,
    status        text        NOT NULL DEFAULT 'active' CONSTRAINT memberships_status_check CHECK (status IN ('active', 'left', 'removed', 'blocked')),
    joined_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz,
    CONSTRAINT memberships_ended_at_check CHECK ((status = 'active') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX memberships_game_id_user_id_key ON memberships (game_id, user_id) WHERE status IN ('active', 'blocked');
CREATE UNIQUE INDEX memberships_game_id_canonical_key_key ON memberships (game_id, canonical_key) WHERE status = 'active';
CREATE INDEX memberships_game_id_idx ON memberships (game_id, membership_id DESC);
CREATE INDEX memberships_user_id_idx ON memberships (user_id, membership_id DESC);

INSERT INTO schema_versions (version, compatible_from) VALUES (5, 1);
