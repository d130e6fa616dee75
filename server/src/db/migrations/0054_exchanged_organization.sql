-- The organization that the person has chosen on the hosted pages; null: none.
ALTER TABLE session_exchanges
  ADD COLUMN org_id bigint,
  ADD FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE;
CREATE INDEX session_exchanges_organization ON session_exchanges (app_id, org_id) WHERE org_id IS NOT NULL;
