-- Which claims of an ID token prove more than one factor, set by the app: [{ "claim", "value", "acr" }].
ALTER TABLE identity_providers ADD COLUMN acr_mapping jsonb NOT NULL DEFAULT '[]';
