-- The audit is read newest first, narrowed by organization, actor and action in any combination. Each combination has an
-- index that ends in the order of the list, so that a page costs the same among a hundred events and ten million.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey;
ALTER TABLE audit_events ADD PRIMARY KEY (app_id, time, id);
CREATE INDEX audit_events_action ON audit_events (app_id, action, time, id);
CREATE INDEX audit_events_actor ON audit_events (app_id, actor_id, time, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_actor_action ON audit_events (app_id, actor_id, action, time, id) WHERE actor_id IS NOT NULL;

DROP INDEX audit_events_organization;
CREATE INDEX audit_events_organization ON audit_events (app_id, org_id, time, id) WHERE org_id IS NOT NULL;
CREATE INDEX audit_events_organization_action ON audit_events (app_id, org_id, action, time, id)
  WHERE org_id IS NOT NULL;
CREATE INDEX audit_events_organization_actor ON audit_events (app_id, org_id, actor_id, time, id)
  WHERE org_id IS NOT NULL AND actor_id IS NOT NULL;
CREATE INDEX audit_events_organization_actor_action ON audit_events (app_id, org_id, actor_id, action, time, id)
  WHERE org_id IS NOT NULL AND actor_id IS NOT NULL;
