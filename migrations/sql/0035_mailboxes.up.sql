-- Code mails are counted for a mailbox, over all tags of its address (SPEC §6): who asks for ada+1@x, ada+2@x and so on mails ada@x.

-- Generated, so that the release before fills it too. The table holds hours: writing it anew is short.
ALTER TABLE auth_challenges
    ADD COLUMN mailbox text NOT NULL GENERATED ALWAYS AS (regexp_replace(address, '^([^@][^+@]*)[+][^@]*@', '\1@')) STORED;
COMMENT ON COLUMN auth_challenges.mailbox IS 'The address without its tag, as domain::email::mailbox has it: what the throttle counts by. No identity.';
CREATE INDEX auth_challenges_by_mailbox_idx ON auth_challenges (mailbox, created_at);

COMMENT ON TABLE auth_addresses IS 'One row per mailbox that a code was asked for, whether or not it has an account. Its row lock serialises what is decided for it.';
COMMENT ON COLUMN auth_addresses.address IS 'Normalised e-mail address without its tag: the mailbox.';

INSERT INTO schema_versions (version, compatible_from) VALUES (35, 1);
