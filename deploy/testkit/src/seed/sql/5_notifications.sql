-- Four notifications for every ten accounts, each to one member of a game by push and mail, of the last three weeks. Notification 1
-- is the heavy one: it went to the 300 members of a game.

CREATE TEMP TABLE seed_notification ON COMMIT DROP AS
SELECT s, pg_temp.v7('notification', s, t.at) AS notification_id, t.at, m.user_id, m.game_id,
       CASE WHEN s > 1 AND s % 50 = 7 THEN 'dead_lettered' WHEN s % 100 = 8 THEN 'quarantined' ELSE 'expanded' END AS status
  FROM (SELECT s, pg_temp.today() - interval '21 days' + interval '20 days' * (s::float8 / (pg_temp.size('accounts') * 4 / 10)) AS at
          FROM generate_series(1, pg_temp.size('accounts') * 4 / 10) s) t
  JOIN seed_member m ON m.i = CASE WHEN s = 1 THEN (SELECT max(i) FROM seed_member) ELSE 1 + s * 11 % pg_temp.size('memberships') END;

INSERT INTO notifications (notification_id, kind, idempotency_key, audience, user_ids, game_id, payload, status,
    next_attempt_at, attempt_no, failures, last_error, created_at, finished_at)
SELECT notification_id,
       CASE WHEN s = 1 THEN 'game.started' ELSE (ARRAY['lobby.application.approved', 'lobby.application.rejected',
           'lobby.membership.removed'])[1 + s % 3] END,
       'seed:' || s, CASE WHEN s = 1 THEN 'game_members' ELSE 'users' END,
       CASE WHEN s = 1 THEN '{}' ELSE ARRAY[user_id] END, game_id, jsonb_build_object('game_id', game_id),
       status, at, 1, CASE WHEN status = 'expanded' THEN 0 ELSE 5 END,
       CASE WHEN status <> 'expanded' THEN 'the payload cannot be read' END, at, at + interval '1 second'
  FROM seed_notification ORDER BY s;

INSERT INTO notification_routes (route_id, notification_id, channel, user_id, game_id, status, next_attempt_at,
    attempt_no, failures, last_error, created_at, finished_at)
SELECT pg_temp.v7('route', r, at), notification_id, channel, user_id, game_id, status, at, 1,
       CASE WHEN status IN ('dead_lettered', 'quarantined') THEN 5 ELSE 0 END,
       CASE WHEN status IN ('dead_lettered', 'quarantined') THEN 'the hub refused it' END, at, at + interval '2 seconds'
  FROM (SELECT s * 1000 + c AS r, notification_id, (ARRAY['push', 'email'])[c] AS channel, user_id, game_id, at,
               CASE WHEN (s * 2 + c) * 7 % 100 < 90 THEN 'delivered' WHEN (s * 2 + c) * 7 % 100 < 95
                   THEN 'dead_lettered' WHEN (s * 2 + c) * 7 % 100 < 99 THEN 'skipped' ELSE 'quarantined' END AS status
          FROM seed_notification, generate_series(1, 2) c WHERE status = 'expanded' AND s > 1
        UNION ALL
        SELECT 1000 + m.k, notification_id, 'push', m.user_id, m.game_id, n.at, 'delivered'
          FROM seed_notification n JOIN seed_member m USING (game_id) WHERE s = 1 AND m.k > 0) t;
