-- Passkeys (WebAuthn credentials) are second factors with a public key instead of a sealed secret.
ALTER TABLE factors
  DROP CONSTRAINT factors_kind_check,
  ALTER COLUMN sealed_secret DROP NOT NULL,
  ADD COLUMN credential_id bytea,
  -- In the format of COSE (RFC 9052).
  ADD COLUMN public_key bytea,
  -- The latest signature counter. A lower one is recorded, not refused: synchronized passkeys can repeat counters.
  ADD COLUMN counter bigint,
  ADD COLUMN counter_regressed_at timestamptz,
  ADD COLUMN transports text[],
  -- The model of the authenticator.
  ADD COLUMN aaguid uuid,
  ADD COLUMN is_backup_eligible boolean,
  ADD COLUMN is_backed_up boolean,
  ADD CONSTRAINT factors_kind_check CHECK (kind IN ('totp', 'passkey')),
  ADD CONSTRAINT factors_totp_check CHECK ((kind = 'totp') = (sealed_secret IS NOT NULL)),
  ADD CONSTRAINT factors_passkey_check CHECK (
    (kind = 'passkey') = (num_nonnulls(credential_id, public_key, counter, transports, aaguid, is_backup_eligible,
      is_backed_up) = 7)),
  ADD CONSTRAINT factors_credential_id_key UNIQUE (app_id, credential_id);

-- Challenges that authenticators sign. Each is used once, within five minutes.
CREATE TABLE passkey_challenges (
  app_id bigint NOT NULL REFERENCES apps (id),
  challenge_hash bytea NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('registration', 'second_factor', 'reauthentication', 'sign_in')),
  -- Hash of the session or of the pending sign-in that requested the challenge; null: a sign-in.
  bound_to bytea CHECK ((purpose = 'sign_in') = (bound_to IS NULL)),
  -- For a sign-in with an e-mail address: its user. Null: the address has no user, or no address was sent.
  user_id bigint,
  -- Whether the passkey of every user is accepted.
  is_for_everybody boolean NOT NULL CHECK (user_id IS NULL OR NOT is_for_everybody),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, challenge_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX passkey_challenges_bound ON passkey_challenges (app_id, bound_to);
CREATE INDEX passkey_challenges_user ON passkey_challenges (app_id, user_id);
CREATE INDEX passkey_challenges_expiry ON passkey_challenges (expires_at);
