-- The strength that a provider has asserted for the session, if the app maps its claims.
ALTER TABLE sessions ADD COLUMN provider_acr smallint CHECK (provider_acr IN (2, 3));
