-- The user who created an organization for themselves, for the quota of each user. Organizations that a super admin set
-- up have no row.
CREATE TABLE organization_creators (
  app_id bigint NOT NULL REFERENCES apps (id),
  org_id bigint NOT NULL,
  user_id bigint NOT NULL,
  PRIMARY KEY (app_id, org_id),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);

CREATE INDEX organization_creators_of_user ON organization_creators (app_id, user_id, org_id);
