-- Six deliveries for every ten accounts, of the last three weeks. Those that wait are not due for a month. Delivery 1 is the heavy
-- one: it was tried 250 times.

CREATE TEMP TABLE seed_delivery ON COMMIT DROP AS
SELECT d, pg_temp.v7('delivery', d, at) AS delivery_id, at, d % 3 = 0 AS code,
       CASE WHEN d = 1 THEN 'dead_lettered' WHEN d * 7 % 100 < 92 THEN 'sent'
           WHEN d * 7 % 100 < 95 THEN 'dead_lettered' WHEN d * 7 % 100 = 95 THEN 'quarantined'
            WHEN d * 7 % 100 < 98 THEN 'retrying' WHEN d % 3 = 0 THEN 'expired' ELSE 'sent' END AS status,
       'pilot-' || lpad((1 + d * 13 % pg_temp.size('accounts'))::text, 7, '0') || '@seed.example' AS address
  FROM (SELECT d, pg_temp.today() - interval '21 days' + interval '20 days' * (d::float8 / (pg_temp.size('accounts') * 6 / 10)) AS at
          FROM generate_series(1, pg_temp.size('accounts') * 6 / 10) d) t;
ANALYZE seed_delivery;

INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, priority, next_attempt_at, token,
    attempt_no, failures, last_error, created_at, finished_at, expires_at, sent_at)
SELECT delivery_id, CASE WHEN code THEN 'auth.login_code'
    ELSE (ARRAY['game.started', 'game.finished', 'lobby.application.approved', 'lobby.invite.received'])[1 + d % 4] END,
       'seed-' || d, status, CASE WHEN code THEN 0 ELSE 1 END,
       CASE WHEN status = 'retrying' THEN pg_temp.today() + interval '30 days' ELSE at END, tries, tries,
       CASE WHEN status = 'sent' THEN 0 ELSE tries END, CASE WHEN status <> 'sent' THEN '451 4.3.0 try later' END, at,
       CASE WHEN status <> 'retrying' THEN at + interval '1 hour' END,
       CASE WHEN code THEN at + interval '10 minutes' END, CASE WHEN status = 'sent' THEN at + interval '1 hour' END
  FROM (SELECT *, CASE WHEN d = 1 THEN 250 WHEN status = 'sent' THEN 1 ELSE 5 END AS tries FROM seed_delivery) s ORDER BY d;

INSERT INTO mail_recipients (delivery_id, address, status, smtp_code)
SELECT delivery_id, address, CASE WHEN status = 'sent' THEN 'accepted' ELSE 'undecided' END,
       CASE WHEN status = 'sent' THEN 250 END FROM seed_delivery;

INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html, sensitive, wiped_at)
SELECT delivery_id, 'News from the galaxy', CASE WHEN NOT wiped THEN 'Something happened in one of your games.' END,
       CASE WHEN NOT wiped THEN '<p>Something happened in one of your games.</p>' END,
       code, CASE WHEN wiped THEN at + interval '1 hour' END
  FROM (SELECT *, code AND status <> 'retrying' AS wiped FROM seed_delivery) s;

INSERT INTO mail_attempts (delivery_id, attempt_no, started_at, finished_at, outcome, smtp_code, detail)
SELECT delivery_id, k, at + interval '10 seconds' * k, at + interval '10 seconds' * k,
       CASE WHEN status = 'sent' THEN 'sent' ELSE 'retry' END,
       CASE WHEN status = 'sent' THEN 250 ELSE 451 END, CASE WHEN status <> 'sent' THEN 'try later' END
  FROM seed_delivery, generate_series(1, CASE WHEN d = 1 THEN 250 WHEN status = 'sent' THEN 1 ELSE 5 END) k;

INSERT INTO mail_dead_letters (delivery_id, failed_at, attempt_no, last_error)
SELECT delivery_id, at + interval '1 hour', CASE WHEN d = 1 THEN 250 ELSE 5 END, '451 4.3.0 try later'
    FROM seed_delivery WHERE status = 'dead_lettered';
