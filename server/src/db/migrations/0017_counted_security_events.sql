-- Security events that repeat are counted in the row of the first one. A counted row belongs to a minute and a source (an
-- HMAC of actor, network and cause; empty for all sources beyond the hundredth). The index finds the row to count in, and
-- its prefix finds the sources of one target.
ALTER TABLE audit_events ADD COLUMN count integer NOT NULL DEFAULT 1 CHECK (count > 0);
ALTER TABLE audit_events ADD COLUMN counted_minute timestamptz;
ALTER TABLE audit_events ADD COLUMN counted_source bytea;
CREATE UNIQUE INDEX audit_events_counted ON audit_events (app_id, counted_minute, action, target_kind,
  (COALESCE(target_id, 0)), (COALESCE(org_id, 0)), counted_source) WHERE counted_minute IS NOT NULL;
