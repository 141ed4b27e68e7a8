-- Games, who is in them, who wants to be. The newest two are the heavy games, both of the heavy user: a public one that takes
-- applications and a private one that runs. Each has more members, applications and invites than the longest page shows.
-- Rare states are not all new: games that are ready to start are among the oldest quarter only.

INSERT INTO engine_versions (version, image, enabled, created_at)
SELECT '0.1.' || v, 'galaxy-engine:0.1.' || v, v > 8, pg_temp.today() - interval '800 days' + interval '10 days' * v
    FROM generate_series(0, 11) v;

CREATE TEMP TABLE seed_game ON COMMIT DROP AS
SELECT g, pg_temp.v7('game', g, at) AS game_id, at, heavy,
       CASE WHEN g = total THEN 'enrollment_open' WHEN heavy THEN 'running'
            WHEN m < 25 THEN 'draft' WHEN m < 60 THEN 'enrollment_open' WHEN m < 75 AND g <= total / 4 THEN 'ready_to_start'
            WHEN m < 78 THEN 'starting' WHEN m < 85 THEN 'start_failed' WHEN m < 135 THEN 'running' WHEN m < 150 THEN 'paused'
            WHEN m < 940 THEN 'finished' ELSE 'cancelled' END AS status,
       CASE WHEN g = total THEN 'public' WHEN heavy OR g % 40 = 0 OR g * 31 % 10 < 3 THEN 'private' ELSE 'public' END AS visibility,
       CASE WHEN heavy OR g % 40 = 0 THEN (SELECT user_id FROM seed_account WHERE n = 1)
            WHEN g * 31 % 10 < 3 OR g % 10 = 5 THEN p.user_id END AS owner
  FROM (SELECT g, pg_temp.size('games') AS total, g * 7919 % 1000 AS m, g > pg_temp.size('games') - 2 AS heavy,
               pg_temp.today() - interval '702 days' + interval '700 days' * (g::float8 / pg_temp.size('games')) AS at
          FROM generate_series(1, pg_temp.size('games')) g) t
  LEFT JOIN seed_player p ON p.j = g * 7919 % (SELECT count(*) FROM seed_player);

-- The heavy games take 300 each, the heavy user is in every 33rd game, and the rest of the memberships is spread unevenly over
-- the others. Member k of game g is player (g * 7919 + k * 104729) mod players: nobody twice.
CREATE TEMP TABLE seed_member ON COMMIT DROP AS
WITH heavy AS (SELECT g, k, false AS the_heavy_user FROM seed_game, generate_series(1, 300) k WHERE heavy),
     own AS (SELECT g, 0 AS k, true FROM seed_game WHERE status <> 'draft' AND (g = pg_temp.size('games') - 1 OR g % 33 = 0 AND NOT heavy)),
     other AS (SELECT g, row_number() OVER (ORDER BY g) - 1 AS r FROM seed_game WHERE status <> 'draft' AND NOT heavy),
     rest AS (SELECT floor((SELECT count(*) FROM other) * power(x - floor(x), 1.25)) AS r, i
                FROM (SELECT i, i * 0.6180339887498949::float8 AS x
                    FROM generate_series(1, pg_temp.size('memberships') - (SELECT count(*) FROM heavy) - (SELECT count(*) FROM own)) i) s),
     spread AS (SELECT g, row_number() OVER (PARTITION BY r ORDER BY i) AS k, false FROM rest JOIN other USING (r)),
     seats AS (SELECT row_number() OVER (ORDER BY g, k) AS i, s.* FROM (TABLE heavy UNION ALL TABLE own UNION ALL TABLE spread) s)
SELECT i, k, game_id, g, game.status AS game_status, visibility, owner, seats.the_heavy_user,
       CASE WHEN seats.the_heavy_user THEN (SELECT user_id FROM seed_account WHERE n = 1) ELSE p.user_id END AS user_id,
       CASE WHEN seats.the_heavy_user OR i * 7 % 100 < 94 THEN 'active' WHEN i * 7 % 100 < 96 THEN 'left'
           WHEN i * 7 % 100 < 98 THEN 'removed' ELSE 'blocked' END AS status,
       at + interval '30 seconds' * k AS at, pg_temp.race(i) AS race_name
  FROM seats JOIN seed_game game USING (g)
  LEFT JOIN seed_player p ON p.j = (g * 7919 + k * 104729) % (SELECT count(*) FROM seed_player);
ANALYZE seed_game, seed_member;

INSERT INTO games (game_id, name, description, visibility, status, owner_user_id, min_players, max_players,
    approved_count, enrollment_ends_at, turn_schedule,
                   time_zone, target_engine_version, current_turn, pause_reason, winners, created_at, updated_at, started_at, finished_at)
SELECT game_id, 'Galaxy ' || g, CASE WHEN g % 2 = 0 THEN 'Made by the seed.' ELSE '' END, visibility, s.status, owner, 2,
       CASE WHEN heavy THEN 1000 ELSE greatest(2, coalesce(m.active, 0)) + g % 8 END, coalesce(m.active, 0),
       CASE WHEN s.status IN ('draft', 'enrollment_open')
           THEN pg_temp.today() + interval '3 days' + interval '1 day' * (g % 30) ELSE at + interval '1 day' END,
       (ARRAY['@every 24h', '0 18 * * *', '@every 6h'])[1 + g % 3], 'UTC', '0.1.' || 9 + g % 3, CASE WHEN started THEN g % 60 ELSE 0 END,
       CASE WHEN s.status = 'paused' THEN 'manual' END, CASE WHEN s.status = 'finished' THEN ARRAY[m.first] ELSE '{}' END, at, at,
       CASE WHEN started THEN at + interval '1 day' END, CASE WHEN s.status = 'finished' THEN at + interval '2 days' END
  FROM (SELECT *, status IN ('running', 'paused', 'finished') AS started FROM seed_game) s
  LEFT JOIN (SELECT g, count(*) AS active, min(race_name) AS first FROM seed_member WHERE status = 'active' GROUP BY g) m USING (g)
 ORDER BY g;

INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key, status, joined_at, ended_at)
SELECT pg_temp.v7('membership', i, at), game_id, user_id, race_name, lower(race_name), status, at,
       CASE WHEN status <> 'active' THEN at + interval '12 hours' END
  FROM seed_member ORDER BY i;

-- Of a finished game's names one in ten is worth something to their holders; the heavy user registered all of theirs.
INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, game_id, expires_at, created_at, updated_at)
SELECT pg_temp.v7('race_name', i, at), lower(race_name), race_name, user_id, name_status, game_id,
       CASE WHEN name_status = 'pending_registration' THEN pg_temp.today() + interval '5 days' + interval '1 day' * (i % 25) END, at, at
  FROM (SELECT *, CASE WHEN status <> 'active' OR game_status = 'cancelled' THEN 'released' WHEN game_status <> 'finished' THEN 'reserved'
                       WHEN the_heavy_user OR i % 20 = 2 THEN 'registered' WHEN i % 20 = 1 THEN 'pending_registration'
                       ELSE 'released' END AS name_status
          FROM seed_member) m
 ORDER BY i;

-- Into public games by application: every third of those who are in (the heavy games keep all); whoever waits, where a
-- game is open; and some who did not get in.
INSERT INTO applications (application_id, game_id, user_id, race_name, canonical_key, status, created_at, decided_at)
SELECT pg_temp.v7('application', a.n, at), game_id, user_id, race_name, lower(race_name), status, at,
       CASE WHEN status <> 'submitted' THEN at + interval '20 seconds' END
  FROM (SELECT i AS n, game_id, user_id, race_name, 'approved' AS status, at FROM seed_member
         WHERE visibility = 'public' AND (i % 3 = 0 OR the_heavy_user OR g > pg_temp.size('games') - 2)
        UNION ALL
        SELECT pg_temp.size('memberships') + g * 1000 + k, game_id, p.user_id, pg_temp.race(pg_temp.size('memberships') + g * 7 + k),
               CASE WHEN k < 900 THEN 'submitted' ELSE (ARRAY['rejected', 'withdrawn', 'closed'])[k - 900] END,
               at + interval '10 seconds' * k
          FROM seed_game
         CROSS JOIN LATERAL (SELECT k FROM generate_series(501, CASE WHEN heavy THEN 800 ELSE 515 END) k WHERE status = 'enrollment_open'
                             UNION ALL SELECT k FROM generate_series(901, 903) k WHERE status <> 'draft' AND g % 5 = 0) extra
          JOIN seed_player p ON p.j = (g * 7919 + k * 104729) % (SELECT count(*) FROM seed_player)
         WHERE visibility = 'public') a;

-- Into private games by invite: every third of those who are in, likewise; some open ones where a game is open, among
-- them one for the heavy user; some that came to nothing; and a shareable code.
INSERT INTO invites (invite_id, game_id, inviter_user_id, invited_user_id, code, max_uses, uses, status, created_at, expires_at)
SELECT pg_temp.v7('invite', v.n, at), game_id, owner, user_id, code, CASE WHEN code IS NOT NULL THEN 10 END, uses, status, at,
       CASE WHEN status = 'open' THEN pg_temp.today() + interval '3 days' + interval '1 day' * (v.n % 20) ELSE at + interval '7 days' END
  FROM (SELECT i AS n, game_id, owner, user_id, NULL AS code, 1 AS uses, 'redeemed' AS status, at FROM seed_member
         WHERE visibility = 'private' AND user_id <> owner AND (i % 3 = 0 OR g > pg_temp.size('games') - 2)
        UNION ALL
        SELECT pg_temp.size('memberships') + g * 1000 + k, game_id, owner, p.user_id, NULL, 0,
               CASE WHEN k < 900 THEN 'open' ELSE (ARRAY['declined', 'revoked', 'expired'])[k - 900] END, at + interval '10 seconds' * k
          FROM seed_game
         CROSS JOIN LATERAL (SELECT k FROM generate_series(501, 505) k WHERE status = 'enrollment_open'
                             UNION ALL SELECT k FROM generate_series(901, 903) k WHERE status <> 'draft' AND g % 4 = 0) extra
          JOIN seed_player p ON p.j = (g * 7919 + k * 104729) % (SELECT count(*) FROM seed_player)
         WHERE visibility = 'private'
        UNION ALL
        SELECT pg_temp.size('memberships') + g * 1000 + 1, game_id, owner, a.user_id, NULL, 0,
        CASE WHEN status = 'enrollment_open' THEN 'open' ELSE 'closed' END, s.at
          FROM seed_game s, seed_account a
         WHERE a.n = 1 AND visibility = 'private' AND owner <> a.user_id
         AND (status = 'enrollment_open' OR g % 11 = 1 AND status <> 'draft')
        UNION ALL
        SELECT pg_temp.size('memberships') + g * 1000 + 2, game_id, owner, NULL, 'seed' || substr(md5('code' || g), 1, 10), g % 10,
               CASE WHEN status = 'enrollment_open' THEN 'open' ELSE 'closed' END, at
          FROM seed_game WHERE visibility = 'private' AND status <> 'draft') v;
