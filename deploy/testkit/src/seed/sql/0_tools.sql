-- What the other files stand on. Everything here is of this session alone and goes with the transaction.
-- Sizes are read from settings: seed.accounts, seed.games, seed.memberships.

SET LOCAL work_mem = '128MB';
SET LOCAL synchronous_commit = off;
-- The series below are overrated by the planner: compiling would take longer than running.
SET LOCAL jit = off;
-- No trigger for each row of each foreign key: the keys are derived from the same tables, and a test holds the seed to them.
SET LOCAL session_replication_role = replica;

-- All times hang on the start of the day, so that two seedings of one day are the same to the byte.
CREATE FUNCTION pg_temp.today() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT date_trunc('day', now(), 'UTC') $$;

CREATE FUNCTION pg_temp.size(of_what text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT current_setting('seed.' || of_what)::bigint $$;

-- A UUIDv7 that follows from a noun, a number and a moment.
CREATE FUNCTION pg_temp.v7(noun text, n bigint, at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(noun || n), 1, 3)
           || '8' || substr(md5(noun || n), 4, 15))::uuid $$;

-- A name of four syllables, different for each number below 48⁴. Of its letters none looks like another one, so that the
-- canonical key is the name in small letters.
CREATE FUNCTION pg_temp.race(i bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT initcap(s[1 + x % 48] || s[1 + x / 48 % 48] || s[1 + x / 2304 % 48] || s[1 + x / 110592])
     FROM (SELECT i * 1000003 % 5308416 AS x,
                  ARRAY['ba', 'be', 'bo', 'bu', 'da', 'de', 'do', 'du', 'fa', 'fe', 'fo', 'fu', 'ga', 'ge', 'go', 'gu',
                        'ka', 'ke', 'ko', 'ku', 'na', 'ne', 'no', 'nu', 'pa', 'pe', 'po', 'pu', 'ra', 're', 'ro', 'ru',
                        'sa', 'se', 'so', 'su', 'ta', 'te', 'to', 'tu', 'va', 've', 'vo', 'vu', 'za', 'ze', 'zo', 'zu'] AS s) t $$;
