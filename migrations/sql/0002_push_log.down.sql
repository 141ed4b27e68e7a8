DROP TABLE push_subscribers;
DROP SEQUENCE push_subscribers_generation_seq;
DROP TABLE push_ticks;
DROP TABLE push_epochs;
DROP TABLE push_event_ids;
DROP TABLE push_events;
DROP SEQUENCE push_events_ev_id_seq;
DELETE FROM schema_versions WHERE version = 2;
