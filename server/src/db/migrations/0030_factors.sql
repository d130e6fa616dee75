-- Second factors of people. A factor with `confirmed_at` null was added, but its owner has not yet proven it.
CREATE TABLE factors (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  user_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind = 'totp'),
  name text NOT NULL,
  sealed_secret bytea NOT NULL,
  -- The time step of the latest accepted code (RFC 6238): codes of this step and earlier ones are refused.
  last_step bigint,
  created_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, id),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX factors_user ON factors (app_id, user_id);

CREATE TABLE recovery_codes (
  app_id bigint NOT NULL,
  user_id bigint NOT NULL,
  code_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (app_id, user_id, code_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);

-- Sign-ins whose first factor was right and whose second one is missing.
CREATE TABLE mfa_challenges (
  app_id bigint NOT NULL,
  token_hash bytea NOT NULL,
  user_id bigint NOT NULL,
  -- The methods of authentication so far (RFC 8176).
  amr text[] NOT NULL,
  -- The token of the device that began the sign-in. Only this device can finish it.
  device_hash bytea NOT NULL,
  -- The token by which the account knew this device before, if it did.
  known_device bytea,
  -- Names and keys of the quotas to refund when the sign-in succeeds, in the order in which they were consumed.
  quota_names text[] NOT NULL,
  quota_keys bytea[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, token_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX mfa_challenges_user ON mfa_challenges (app_id, user_id);
CREATE INDEX mfa_challenges_expiry ON mfa_challenges (expires_at);

-- Whether the user has a confirmed factor. Kept beside the factors, so that a sign-in needs no further query.
ALTER TABLE users ADD COLUMN has_factor boolean NOT NULL DEFAULT false;

-- When a second factor was last proven in the session, and what a restricted session is for.
ALTER TABLE sessions
  ADD COLUMN factor_at timestamptz,
  ADD COLUMN restriction text CHECK (restriction IN ('enrolment', 'recovery'));
