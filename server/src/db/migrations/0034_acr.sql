-- Which claims of an ID token prove more than one factor, set by the app: [{ "claim", "value", "acr" }].
ALTER TABLE identity_providers ADD COLUMN acr_mapping jsonb NOT NULL DEFAULT '[]';

-- The strength that a provider has asserted for the session, if the app maps its claims.
ALTER TABLE sessions ADD COLUMN provider_acr smallint CHECK (provider_acr IN (2, 3));
ALTER TABLE mfa_challenges ADD COLUMN provider_acr smallint CHECK (provider_acr IN (2, 3));
