DROP INDEX notifications_user_ids_idx;
DROP INDEX sanctions_kind_idx;
DROP INDEX sanctions_history_idx;
ALTER TABLE sanctions
    DROP COLUMN idempotency_owner,
    DROP COLUMN idempotency_key,
    DROP COLUMN idempotency_hash;
DROP INDEX entitlements_plan_idx;
DROP INDEX entitlements_snapshot_key;
ALTER TABLE entitlements
    DROP COLUMN superseded_at,
    DROP COLUMN idempotency_owner,
    DROP COLUMN idempotency_key,
    DROP COLUMN idempotency_hash;
COMMENT ON COLUMN entitlements.source IS NULL;
COMMENT ON TABLE entitlements IS 'History of granted plans. The newest row that has started and not ended is in force; none means free.';
DROP INDEX accounts_display_name_prefix_idx;
DROP INDEX accounts_user_name_prefix_idx;
ALTER TABLE accounts
    DROP COLUMN canonical_user_name,
    DROP COLUMN limit_private_games,
    DROP COLUMN limit_memberships,
    DROP COLUMN limit_race_names;
DELETE FROM schema_versions WHERE version = 9;
