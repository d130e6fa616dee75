-- The owners and managers of an organization, who are few beside its members.
CREATE INDEX members_managers ON members (app_id, org_id, id) WHERE is_owner OR is_manager;
