-- Lists the invitations of an organization in their order.
CREATE INDEX invitations_order ON invitations (app_id, org_id, id);
