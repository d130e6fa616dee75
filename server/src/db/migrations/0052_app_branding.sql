-- The look of an app: values that its super admins have set, without defaults, and its logo. The name and the primary
-- colour are settings of the app, because mails and authenticator apps read them with the app.
CREATE TABLE app_branding (
  app_id bigint PRIMARY KEY REFERENCES apps (id),
  look jsonb NOT NULL,
  logo bytea,
  -- SHA-256 of the logo, in its address.
  logo_hash bytea,
  logo_type text CHECK (logo_type IN ('image/png', 'image/webp', 'image/jpeg')),
  logo_width integer,
  logo_height integer,
  updated_at timestamptz NOT NULL,
  CHECK (num_nulls(logo, logo_hash, logo_type, logo_width, logo_height) IN (0, 5))
);
