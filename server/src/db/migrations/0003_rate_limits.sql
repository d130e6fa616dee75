-- What was taken of a limit, one row for each share in use: the time at which the whole share is there again. Whose
-- share it is can only be recomputed with the master key, so no address of a person or a computer lies here.
-- No index on the time: it changes with every take, and the table holds no more than what was in use lately.
CREATE TABLE rate_limits (
  app_id bigint NOT NULL REFERENCES apps (id),
  key_hash bytea NOT NULL,
  full_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, key_hash)
) WITH (fillfactor = 70);
