-- Runtimes of the games that were started. They belong to a daemon that there is not, so that no controller of a running stack
-- takes them for its own; nothing is due soon.

INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, image_digest, container_id,
    endpoint, engine_token, current_turn, health, created_at, updated_at)
SELECT game_id, CASE s.status
       WHEN 'paused' THEN (ARRAY['stopped', 'engine_unreachable', 'generation_failed'])[1 + g % 3]
           WHEN 'start_failed' THEN 'removed' ELSE s.status END,
       'docker', 'seed', '0.1.' || 9 + g % 3, 'galaxy-engine:0.1.' || 9 + g % 3,
       'sha256:' || md5('image' || g % 3) || md5('image' || g % 3),
       CASE WHEN s.status = 'running' THEN md5('container' || g) END,
       CASE WHEN s.status = 'running' THEN 'http://127.0.0.1:9/' || g END, md5('token' || g),
       games.current_turn, CASE WHEN s.status = 'running' THEN 'healthy' ELSE 'unknown' END, at + interval '1 day', at + interval '1 day'
  FROM seed_game s JOIN games USING (game_id)
 WHERE s.status IN ('starting', 'start_failed', 'running', 'paused', 'finished');

INSERT INTO runtime_turns (game_id, daemon_id, status, scheduled_at, next_attempt_at, created_at)
SELECT game_id, 'seed', CASE WHEN status = 'running' THEN 'pending' ELSE 'idle' END, due, due, at
  FROM (SELECT *, pg_temp.today() + interval '30 days' + interval '1 minute' * (g % 1440) AS due FROM seed_game) s
 WHERE status IN ('running', 'paused', 'finished');

INSERT INTO runtime_jobs (job_id, game_id, kind, step, daemon_id, status, next_attempt_at, attempt_no, created_at,
    finished_at, last_error, failures)
SELECT pg_temp.v7('job', g, at), game_id, 'start', CASE status WHEN 'starting' THEN 'pull'
       WHEN 'start_failed' THEN 'health' ELSE 'init' END, 'seed',
       CASE status WHEN 'starting' THEN 'retrying' WHEN 'start_failed' THEN 'failed' ELSE 'succeeded' END,
       CASE WHEN status = 'starting' THEN pg_temp.today() + interval '30 days' ELSE at + interval '1 day' END, 1, at + interval '1 day',
       CASE WHEN status <> 'starting' THEN pg_temp.today() - interval '1 day' * (1 + g % 20) END,
       CASE WHEN status IN ('starting', 'start_failed') THEN 'the engine did not answer' END,
       CASE WHEN status IN ('starting', 'start_failed') THEN 1 ELSE 0 END
  FROM seed_game WHERE status IN ('starting', 'start_failed', 'running', 'paused', 'finished');

INSERT INTO runtime_operations (operation_id, game_id, job_id, op, outcome, detail, at)
SELECT pg_temp.v7('operation', g * 1000 + k, done), game_id, CASE WHEN k < 5 THEN pg_temp.v7('job', g, s.at) END,
       CASE WHEN k < 5 THEN (ARRAY['pull', 'create', 'start', 'init'])[k] ELSE 'turn' END, 'ok', NULL, done
  FROM (SELECT *, pg_temp.today() - interval '20 days' + interval '1 minute' * k AS done
          FROM seed_game, generate_series(1, CASE WHEN heavy THEN 300 ELSE 6 END) k
         WHERE status IN ('running', 'paused', 'finished')) s;

-- The last reports of every eleventh finished game, and so of some of the heavy user's.
INSERT INTO engine_reports (game_id, race_name, turn, report)
SELECT game_id, race_name, games.current_turn, json_build_object('turn', games.current_turn, 'planets', i % 40)
  FROM seed_member JOIN games USING (game_id)
 WHERE game_status = 'finished' AND g % 11 = 0 AND seed_member.status = 'active';
