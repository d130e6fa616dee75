-- The security policy of an organization: which sessions may be used for it. Null: every session of its members.
ALTER TABLE organizations ADD COLUMN security jsonb;
