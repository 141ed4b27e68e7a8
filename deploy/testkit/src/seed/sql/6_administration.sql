-- Notes about every twentieth account and every game; about the heavy ones more than the longest page shows.
INSERT INTO notes (note_id, user_id, author, text, created_at)
SELECT pg_temp.v7('user note', n * 1000 + k, done), user_id, 'seed-admin-01', 'Wrote to them.', done
  FROM (SELECT *, at + interval '3 days' * k AS done
          FROM seed_account, generate_series(1, CASE WHEN n = 1 THEN 250 ELSE 1 END) k
         WHERE NOT deleted AND (n = 1 OR n % 20 = 3)) a;

INSERT INTO notes (note_id, game_id, author, text, created_at)
SELECT pg_temp.v7('game note', g * 1000 + k, done), game_id, 'seed-admin-02', 'Looked at it.', done
  FROM (SELECT *, at + interval '1 hour' * k AS done
          FROM seed_game, generate_series(1, CASE WHEN heavy THEN 250 ELSE 1 END) k) s;

-- A week of figures, up to this day's beginning.
INSERT INTO stat_minutes (at, series, value)
SELECT pg_temp.today() - interval '1 minute' * m, series, (m * 7 + length(series)) % 50
  FROM generate_series(1, 7 * 24 * 60) m, unnest(ARRAY[
       'games_paused', 'games_running', 'jobs_dead', 'jobs_waiting', 'mails_dead', 'mails_sent',
       'mails_waiting', 'notifications_dead', 'notifications_waiting', 'push_sequence', 'routes_dead', 'routes_delivered',
       'routes_waiting', 'turns_generated', 'turns_late']) series;

-- Administrators who cannot log in (their hash is no hash), and what they are said to have done.

INSERT INTO admin_accounts (user_name, password_hash, enabled, created_at)
SELECT 'seed-admin-' || lpad(a::text, 2, '0'), '!', a % 5 > 0, pg_temp.today() - interval '1100 days' FROM generate_series(1, 25) a;

INSERT INTO audit_log (audit_id, at, actor, action, target_type, target_id, detail, request_id, ip)
SELECT pg_temp.v7('audit', e, t.at), t.at, 'seed-admin-' || lpad((1 + e % 25)::text, 2, '0'),
       (ARRAY['game.create', 'game.start', 'game.pause'])[1 + e % 3], 'game',
       game_id::text, '{}', 'seed-' || e, '192.0.2.' || e % 250
  FROM (SELECT e, pg_temp.today() - interval '300 days' + interval '299 days' * (e::float8 / (pg_temp.size('games') * 3)) AS at
          FROM generate_series(1, pg_temp.size('games') * 3) e) t
  JOIN seed_game ON g = 1 + e % pg_temp.size('games');
