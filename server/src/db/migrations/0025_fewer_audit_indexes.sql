-- Apart from 0024: this transaction can meet a deadlock and run again, and must not build the indexes again.
DROP INDEX audit_events_action;
DROP INDEX audit_events_actor;
DROP INDEX audit_events_actor_action;
DROP INDEX audit_events_organization;
DROP INDEX audit_events_organization_action;
DROP INDEX audit_events_organization_actor;
DROP INDEX audit_events_organization_actor_action;
DROP INDEX audit_events_anonymous;
DROP INDEX audit_events_counted;

-- To check this reference, every change of an app locked the row of the app, together with all other changes. Apps are
-- never deleted, and an event outlives what it is about.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_app_id_fkey;
