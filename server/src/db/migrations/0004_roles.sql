-- Deleting a role takes the invitations to it along.
CREATE INDEX invitations_role ON invitations (app_id, scope_id, role_key) WHERE role_key IS NOT NULL;
