-- Dead-letter alarms are gathered (SPEC §11): one mail to the administrators per cause and quarter of an hour, with the count.

CREATE TABLE mail_alarms (
    alarm_key  text        CONSTRAINT mail_alarms_pkey PRIMARY KEY,
    cause      text        NOT NULL,
    due_at     timestamptz NOT NULL,
    deliveries bigint      NOT NULL CONSTRAINT mail_alarms_deliveries_check CHECK (deliveries > 0)
);
COMMENT ON TABLE mail_alarms IS 'Alarms about dead letters: each counts the mails of one cause until it is due. Old ones go when a new one is opened.';
COMMENT ON COLUMN mail_alarms.alarm_key IS 'The idempotency key of its notification mail.dead_lettered.';
COMMENT ON COLUMN mail_alarms.cause IS 'What the mails died of: the step of the dialogue and the relay''s code, or what went wrong before.';
COMMENT ON COLUMN mail_alarms.due_at IS 'Until then it gathers; then the administrators are told. Two of one cause are a quarter of an hour apart.';
COMMENT ON COLUMN mail_alarms.deliveries IS 'How many mails died so far.';
CREATE INDEX mail_alarms_cause_idx ON mail_alarms (cause, due_at DESC);

INSERT INTO schema_versions (version, compatible_from) VALUES (20, 1);
