-- The same of a sign-in whose second factor is missing.
ALTER TABLE mfa_challenges ADD COLUMN provider_acr smallint CHECK (provider_acr IN (2, 3));
