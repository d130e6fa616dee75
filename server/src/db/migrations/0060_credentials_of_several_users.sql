-- The id of a credential that another user of the app had registered before; credential_id is then random. Null:
-- credential_id is the id of the credential. So a registration does not reveal whether somebody else has it.
ALTER TABLE factors ADD COLUMN shared_credential_id bytea;
