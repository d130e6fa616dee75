-- Until then whoever proves that the mailbox is theirs becomes a super admin.
ALTER TABLE users ADD COLUMN super_admin_invited_until timestamptz;
DROP INDEX users_super_admins;
CREATE INDEX users_super_admins ON users (app_id, id) WHERE is_super_admin OR super_admin_invited_until IS NOT NULL;
