-- From which countries a user calls (SPEC §14). Read by administrators alone.

CREATE TABLE user_countries (
    user_id uuid   NOT NULL,
    country text   NOT NULL CONSTRAINT user_countries_country_check CHECK (country ~ '^[A-Z]{2}$'),
    count   bigint NOT NULL CONSTRAINT user_countries_count_check CHECK (count > 0),
    CONSTRAINT user_countries_pkey PRIMARY KEY (user_id, country)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE user_countries IS 'Requests of a user by country. Replicas gather them and add them in batches, so the newest few seconds are not in it yet.';
COMMENT ON COLUMN user_countries.user_id IS 'An account. No foreign key: its check would lock account rows in the middle of a batch, and could make a batch and a user''s own request wait for each other. Accounts are never removed, and the batch itself leaves out deleted ones.';
COMMENT ON COLUMN user_countries.country IS 'ISO 3166-1 alpha-2, of the client''s address at the time of the request.';

INSERT INTO schema_versions (version, compatible_from) VALUES (13, 1);
