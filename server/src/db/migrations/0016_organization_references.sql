-- Finds what goes with an organization that is deleted: without them all roles and codes of the app are read for it.
CREATE INDEX roles_organization ON roles (app_id, org_id) WHERE org_id IS NOT NULL;
CREATE INDEX codes_organization ON codes (app_id, org_id) WHERE org_id IS NOT NULL;

-- Lists the invitations of an organization that have one status in their order.
CREATE INDEX invitations_status ON invitations (app_id, org_id, status, id);
