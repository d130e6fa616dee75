-- Every change writes an audit event, so it pays for every index of audit_events. These indexes replace nine: lists
-- without an action merge the ranges of the actions, of which there are few (audit/events.store.ts).
--
-- The planner must not choose between them by estimates. It takes frequent values for independent, and a plan that reads
-- a busy organization in search of an actor who was never there reads millions. So the indexes differ in where nulls
-- stand in time and id, which are never null, and each list asks for the order of its index.
--
-- Changes wait while an index is built. An operator may build the indexes before, with CREATE INDEX CONCURRENTLY.
-- Where that fails it leaves an invalid index, which IF NOT EXISTS would keep. The lock waits for one that is still being
-- built.
LOCK TABLE audit_events IN SHARE MODE;
DO $$
DECLARE
  invalid regclass;
BEGIN
  FOR invalid IN
    SELECT indexrelid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'audit_events'::regclass AND NOT indisvalid AND starts_with(relname, 'audit_events_by_')
  LOOP
    EXECUTE format('DROP INDEX %s', invalid);
  END LOOP;
END $$;

CREATE INDEX IF NOT EXISTS audit_events_by_action ON audit_events (app_id, action, time, id NULLS FIRST);
CREATE INDEX IF NOT EXISTS audit_events_by_organization ON audit_events
  (app_id, org_id, action, time NULLS FIRST, id) WHERE org_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS audit_events_by_actor ON audit_events
  (app_id, actor_id, action, time NULLS FIRST, id) WHERE actor_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS audit_events_by_organization_and_actor ON audit_events
  (app_id, org_id, actor_id, action, time NULLS FIRST, id NULLS FIRST) WHERE org_id IS NOT NULL AND actor_id IS NOT NULL;

-- One index finds the row in which a security event is counted, and the events whose address goes when the user that
-- they are about is deleted.
CREATE UNIQUE INDEX IF NOT EXISTS audit_events_by_target ON audit_events (app_id, target_kind, (COALESCE(target_id, 0)),
  action, counted_minute, (COALESCE(org_id, 0)), counted_source)
  WHERE counted_minute IS NOT NULL OR (actor_kind = 'anonymous' AND target_kind = 'user');
