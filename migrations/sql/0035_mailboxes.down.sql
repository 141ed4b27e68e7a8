COMMENT ON COLUMN auth_addresses.address IS 'Normalised e-mail address.';
COMMENT ON TABLE auth_addresses IS 'One row per address that asked for a code, whether or not it has an account. Its row lock serialises what is decided for the address: whether a code is mailed, and of which kind (SPEC §6).';
DROP INDEX auth_challenges_by_mailbox_idx;
ALTER TABLE auth_challenges DROP COLUMN mailbox;
DELETE FROM schema_versions WHERE version = 35;
