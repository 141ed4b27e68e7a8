-- Accounts with all that hangs on them. Account 1 is the heavy user: more of everything than the longest page shows.
-- One account in a hundred is gone: deleted, or blocked for good; it owns nothing and plays nowhere.

CREATE TEMP TABLE seed_account ON COMMIT DROP AS
SELECT n, pg_temp.v7('account', n, at) AS user_id, at, n % 100 = 50 AS gone, n % 100 = 50 AND n % 1000 <> 150 AS deleted
  FROM (SELECT n, pg_temp.today() - interval '1100 days' + interval '390 days' * (n::float8 / pg_temp.size('accounts')) AS at
          FROM generate_series(1, pg_temp.size('accounts')) n) a;

INSERT INTO accounts (user_id, user_name, canonical_user_name, display_name, preferred_language, time_zone,
    declared_country, created_at, updated_at, deleted_at)
SELECT user_id, CASE WHEN deleted THEN 'deleted-' || replace(user_id::text, '-', '') ELSE 'pilot-' || lpad(n::text, 7, '0') END,
       CASE WHEN NOT deleted THEN 'pllot' || translate(lpad(n::text, 7, '0'), '01', 'ol') END,
       CASE WHEN n % 3 > 0 AND NOT deleted THEN 'Pilot ' || n END,
       CASE WHEN deleted THEN 'und' ELSE (ARRAY['en', 'de', 'fr', 'es', 'pt-BR', 'ru', 'ja'])[1 + n % 7] END,
       CASE WHEN deleted THEN 'UTC' ELSE (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo',
           'America/Sao_Paulo'])[1 + n % 5] END,
       CASE WHEN NOT deleted THEN (ARRAY['DE', 'US', 'FR', 'BR', 'JP', 'GB', 'PL', NULL])[1 + n % 8] END,
       at, at, CASE WHEN deleted THEN at + interval '100 days' END
  FROM seed_account ORDER BY n;

INSERT INTO identities (identity_id, user_id, kind, external_id, created_at)
SELECT pg_temp.v7('email', n, at), user_id, 'email', 'pilot-' || lpad(n::text, 7, '0') || '@seed.example', at
    FROM seed_account WHERE NOT deleted
UNION ALL
SELECT pg_temp.v7('telegram', n, at), user_id, 'telegram', (700000000 + n)::text, at FROM seed_account WHERE NOT deleted AND n % 10 = 3;

-- One session for everybody, a second one for every tenth; the heavy user has 250. The token of session (n, k) is
-- 'seed-token-<n>-<k>'. The key is Ed25519's base point: a valid one that nobody can sign with.
INSERT INTO device_sessions (device_session_id, user_id, client_public_key, token_hash, status, created_at, revoked_at, revoke_reason)
SELECT pg_temp.v7('session', n * 1000 + k, made), user_id, CASE WHEN n % 2 = 0 THEN decode('58' || repeat('66', 31), 'hex') END,
       sha256(convert_to('seed-token-' || n || '-' || k, 'UTF8')),
       CASE WHEN revoked THEN 'revoked' ELSE 'active' END, made, CASE WHEN revoked THEN made + interval '9 days' END,
       CASE WHEN revoked THEN 'logout' END
  FROM (SELECT n, k, user_id, at + interval '1 day' * k AS made, gone OR (n * 31 + k * 7) % 5 = 0 AS revoked
          FROM seed_account, generate_series(1, CASE WHEN n = 1 THEN 250 WHEN n % 10 = 0 THEN 2 ELSE 1 END) k
         WHERE NOT deleted) s;

-- One account in ten was granted plans, one after the other; half of the last ones are in force, the others have ended.
INSERT INTO entitlements (entitlement_id, user_id, plan, source, starts_at, ends_at, created_at, superseded_at)
SELECT pg_temp.v7('entitlement', n * 1000 + k, begins), user_id, plan, 'purchase', begins,
       CASE plan WHEN 'monthly' THEN begins + interval '30 days' WHEN 'yearly' THEN begins + interval '1 year' END, begins,
       CASE WHEN k < last THEN begins + interval '1 hour' END
  FROM (SELECT n, k, last, user_id,
               CASE WHEN k = last AND n % 20 < 10 THEN pg_temp.today() - interval '10 days' ELSE at + interval '1 day' * k END AS begins,
               CASE WHEN n = 1 AND k = last OR n % 200 = 2 THEN 'permanent' WHEN n % 30 = 2 THEN 'yearly' ELSE 'monthly' END AS plan
          FROM (SELECT *, CASE WHEN n = 1 THEN 250 ELSE 1 + n / 10 % 2 END AS last FROM seed_account) a, generate_series(1, last) k
         WHERE NOT gone AND (n = 1 OR n % 10 = 2)) e;

-- The heavy user's are lifted but one that does not keep them from reading.
INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor, starts_at, ends_at, lifted_at)
SELECT pg_temp.v7('sanction', n * 1000 + k, begins), user_id,
       CASE WHEN gone THEN 'permanent_block'
            ELSE (ARRAY['login_block', 'private_game_create_block', 'private_game_manage_block', 'game_join_block',
                'profile_update_block'])[1 + (n / 50 + k) % 5] END,
       'seeded', 'seed-admin-01', begins, CASE WHEN NOT gone AND n % 3 = 0 THEN begins + interval '30 days' END,
       CASE WHEN n = 1 AND k > 1 OR NOT gone AND n % 4 = 1 AND n > 1 THEN begins + interval '2 days' END
  FROM (SELECT n, k, user_id, gone, at + interval '2 days' * k AS begins
          FROM seed_account, generate_series(1, CASE WHEN n = 1 THEN 250 ELSE 1 END) k
         WHERE NOT deleted AND (n = 1 OR gone OR n % 50 = 7)) s;

-- Addresses that asked for a code lately, with the spent challenge of each, and a live one of every fourth.
INSERT INTO auth_addresses (address, day, wrong_tries)
SELECT 'pilot-' || lpad(n::text, 7, '0') || '@seed.example', (now() AT TIME ZONE 'UTC')::date, n % 3
  FROM seed_account WHERE NOT gone AND n % 5 = 1;

INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, preferred_language, attempts, created_at, expires_at, consumed_at)
SELECT pg_temp.v7('challenge', n * 10 + k, made), 'pilot-' || lpad(n::text, 7, '0') || '@seed.example',
       sha256(convert_to('seed-code-' || n, 'UTF8')), substr(sha256(convert_to('seed-salt-' || n, 'UTF8')), 1, 16), NULL, 1, made,
       made + interval '1 day', CASE WHEN k = 1 THEN made + interval '1 minute' END
  FROM (SELECT n, k, now() - CASE WHEN k = 1 THEN interval '1 hour' ELSE interval '1 minute' END AS made
          FROM seed_account, generate_series(1, CASE WHEN n % 20 = 1 THEN 2 ELSE 1 END) k
         WHERE NOT gone AND n % 5 = 1) c;

-- Everybody called from one to three countries, the heavy user from many.
INSERT INTO user_countries (user_id, country, count)
SELECT user_id, chr(65 + (n + k / 26)::int % 26) || chr(65 + k % 26), 1 + n * k % 1000
  FROM seed_account, generate_series(1, CASE WHEN n = 1 THEN 100 ELSE 1 + n % 3 END::int) k WHERE NOT deleted;

-- Whoever may play: everybody but the heavy user and those who are gone, numbered from 0.
CREATE TEMP TABLE seed_player ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY n) - 1 AS j, n, user_id FROM seed_account WHERE NOT gone AND n > 1;
ANALYZE seed_account, seed_player;
