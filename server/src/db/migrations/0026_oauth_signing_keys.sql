-- Keys of the second key set of an app: they sign the access tokens of people and every later kind of token. The keys
-- in signing_keys go on signing tokens of app machine users and nothing else. The table is separate, so that processes
-- of an earlier version, which may run beside newer ones during an upgrade, cannot sign with these keys. The first key
-- of an app is made when it is needed: a migration cannot seal one.
CREATE TABLE oauth_signing_keys (
  app_id bigint NOT NULL REFERENCES apps (id),
  kid text NOT NULL,
  public_jwk jsonb NOT NULL,
  sealed_private_key bytea NOT NULL,
  created_at timestamptz NOT NULL,
  active_from timestamptz NOT NULL,
  published_until timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (app_id, kid)
);
