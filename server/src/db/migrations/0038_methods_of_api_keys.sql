-- The methods of authentication of the session in which a person created or adopted the key. Null: created by a machine
-- user, or before this column existed.
ALTER TABLE api_keys ADD COLUMN amr text[];
