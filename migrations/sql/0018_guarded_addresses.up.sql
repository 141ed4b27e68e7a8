-- Nobody locks anybody out (SPEC §6): guarded addresses, and from where administrators signed in.

ALTER TABLE auth_addresses ADD COLUMN guarded_until timestamptz;
COMMENT ON COLUMN auth_addresses.guarded_until IS 'Until then new challenges of the address carry a long code; null, or past: six digits. Set for a day by too many wrong tries today or code mails within the hour.';
COMMENT ON COLUMN auth_addresses.wrong_tries IS 'Wrong tries of that day over all challenges of the address. BACKEND_AUTH_GUARD_WRONG_TRIES of them guard it.';
COMMENT ON TABLE auth_addresses IS 'One row per address that asked for a code, whether or not it has an account. Its row lock serialises what is decided for the address: whether a code is mailed, and of which kind (SPEC §6).';
-- For the sweep: a guard may outlast the challenges of its address.
CREATE INDEX auth_addresses_guarded_until_idx ON auth_addresses (guarded_until) WHERE guarded_until IS NOT NULL;

ALTER TABLE auth_challenges ADD COLUMN guarded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN auth_challenges.guarded IS 'The code is a long one (60 bits): no number of tries burns it, and the challenge is answered again as long as it lives. False: six digits, with BACKEND_AUTH_CHALLENGE_MAX_ATTEMPTS tries.';
COMMENT ON COLUMN auth_challenges.attempts IS 'Tries so far, counted and committed before the comparison; they burn the challenge unless it is guarded.';

CREATE TABLE admin_networks (
    user_name    text        NOT NULL CONSTRAINT admin_networks_user_name_fkey REFERENCES admin_accounts ON DELETE CASCADE,
    network      text        NOT NULL,
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT admin_networks_pkey PRIMARY KEY (user_name, network)
);
COMMENT ON TABLE admin_networks IS 'From where administrators signed in: such a pair is not slowed by failures of others (SPEC §6). Forgotten 90 days after its last use.';
COMMENT ON COLUMN admin_networks.user_name IS 'The administrator.';
COMMENT ON COLUMN admin_networks.network IS 'An IPv4 address (/32) or an IPv6 /64, as text.';
COMMENT ON COLUMN admin_networks.last_used_at IS 'When the administrator last signed in from there, to the minute.';

INSERT INTO schema_versions (version, compatible_from) VALUES (18, 1);
