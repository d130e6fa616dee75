-- Which index a list of events reads must not be left to estimates: that of events which are rarely together (a busy actor
-- in a busy organization where they never were) is wrong by any factor, and a plan that walks through the one and throws
-- away what is not of the other reads millions. So each combination of filters has an order of its own, `id` plus a number
-- (1 organization, 2 actor, 4 action), which its index alone provides (see audit/events.store.ts).
DROP INDEX audit_events_organization;
CREATE INDEX audit_events_organization ON audit_events (app_id, org_id, time, (id + 1)) WHERE org_id IS NOT NULL;
DROP INDEX audit_events_actor;
CREATE INDEX audit_events_actor ON audit_events (app_id, actor_id, time, (id + 2)) WHERE actor_id IS NOT NULL;
DROP INDEX audit_events_organization_actor;
CREATE INDEX audit_events_organization_actor ON audit_events (app_id, org_id, actor_id, time, (id + 3))
  WHERE org_id IS NOT NULL AND actor_id IS NOT NULL;
DROP INDEX audit_events_action;
CREATE INDEX audit_events_action ON audit_events (app_id, action, time, (id + 4));
DROP INDEX audit_events_organization_action;
CREATE INDEX audit_events_organization_action ON audit_events (app_id, org_id, action, time, (id + 5))
  WHERE org_id IS NOT NULL;
DROP INDEX audit_events_actor_action;
CREATE INDEX audit_events_actor_action ON audit_events (app_id, actor_id, action, time, (id + 6))
  WHERE actor_id IS NOT NULL;
DROP INDEX audit_events_organization_actor_action;
CREATE INDEX audit_events_organization_actor_action ON audit_events (app_id, org_id, actor_id, action, time, (id + 7))
  WHERE org_id IS NOT NULL AND actor_id IS NOT NULL;
