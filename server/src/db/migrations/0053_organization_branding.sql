-- The look of an organization: values that its owners have set, without defaults, and its logo. What it does not set is
-- inherited from the app.
CREATE TABLE organization_branding (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  look jsonb NOT NULL DEFAULT '{}',
  -- Whether a super admin has allowed the name, texts and links of this organization.
  texts_allowed boolean NOT NULL DEFAULT false,
  logo bytea,
  -- SHA-256 of the logo, in its address.
  logo_hash bytea,
  logo_type text CHECK (logo_type IN ('image/png', 'image/webp', 'image/jpeg')),
  logo_width integer,
  logo_height integer,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, org_id),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE,
  CHECK (num_nulls(logo, logo_hash, logo_type, logo_width, logo_height) IN (0, 5))
);
-- Finds a logo by its address.
CREATE INDEX organization_branding_logo ON organization_branding (app_id, logo_hash) WHERE logo_hash IS NOT NULL;
