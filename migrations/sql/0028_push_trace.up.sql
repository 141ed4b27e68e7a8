-- A push event carries the whole W3C trace context of its cause, so that one trace goes from a request to the frame that a gateway
-- reads (docs/tracing.md). trace_id stays: former releases write it, and clients know it.

ALTER TABLE push_events ADD COLUMN traceparent text NOT NULL DEFAULT '';
COMMENT ON COLUMN push_events.traceparent IS 'W3C traceparent of the span that the event goes on from; empty: of no trace, or from a former release.';
-- A partition does not have its parent's comments.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'push_events'::regclass LOOP
        EXECUTE format('COMMENT ON COLUMN %s.traceparent IS %L', part,
            'W3C traceparent of the span that the event goes on from; empty: of no trace, or from a former release.');
    END LOOP;
END
$$;

INSERT INTO schema_versions (version, compatible_from) VALUES (28, 1);
