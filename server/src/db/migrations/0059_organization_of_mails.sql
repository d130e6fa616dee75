-- The organization that a notice to its owners is about; null: another mail. A newer notice can replace a waiting one.
ALTER TABLE mails
  ADD COLUMN org_id bigint,
  ADD FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE SET NULL (org_id);
CREATE INDEX mails_organization ON mails (app_id, org_id) WHERE org_id IS NOT NULL;
