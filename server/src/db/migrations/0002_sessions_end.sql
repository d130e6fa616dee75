-- Finds the sessions that have run out, whichever app they are of, without reading the live ones.
CREATE INDEX sessions_end ON sessions (LEAST(expires_at, idle_expires_at));
