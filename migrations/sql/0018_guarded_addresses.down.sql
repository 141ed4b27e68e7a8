DROP TABLE admin_networks;
COMMENT ON COLUMN auth_challenges.attempts IS 'Tries so far, counted and committed before the comparison.';
ALTER TABLE auth_challenges DROP COLUMN guarded;
DROP INDEX auth_addresses_guarded_until_idx;
COMMENT ON TABLE auth_addresses IS 'One row per address that asked for a code, whether or not it has an account. Its row lock serialises the throttle; it holds the budget of wrong tries of a day (SPEC §6).';
COMMENT ON COLUMN auth_addresses.wrong_tries IS 'Tries of that day over all challenges of the address: counted before the code is compared, a right one taken back.';
ALTER TABLE auth_addresses DROP COLUMN guarded_until;
DELETE FROM schema_versions WHERE version = 18;
