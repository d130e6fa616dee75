-- Where people of an app may sign in besides here. The secret is sealed with the master key.
CREATE TABLE identity_providers (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  type text NOT NULL CHECK (type IN ('google', 'azure', 'oidc')),
  name text NOT NULL,
  -- Where its configuration is found; for Microsoft it names the tenant or kind of tenants.
  issuer text NOT NULL,
  client_id text NOT NULL,
  sealed_client_secret bytea NOT NULL,
  scopes text[] NOT NULL,
  trust_email boolean NOT NULL,
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id)
);

-- Who of the app is whom at a provider. A subject is unique at its issuer only.
CREATE TABLE identities (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  user_id bigint NOT NULL,
  idp_id bigint NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  -- As the provider named it when it was linked, for the owner to recognise; nothing is decided by it.
  email text,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  CONSTRAINT identities_subject_key UNIQUE (app_id, idp_id, issuer, subject),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, idp_id) REFERENCES identity_providers (app_id, id) ON DELETE CASCADE
);
CREATE INDEX identities_user ON identities (app_id, user_id, id);

-- One sign-in on its way to a provider and back. Ten minutes, one browser, one use.
CREATE TABLE idp_intents (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  idp_id bigint NOT NULL,
  success_url text NOT NULL,
  failure_url text NOT NULL,
  -- Of the client that made it (RFC 7636); whoever redeems the intent shows the verifier.
  code_challenge text,
  status text NOT NULL CHECK (status IN ('created', 'started', 'returned', 'succeeded', 'failed')),
  -- Hashes of the cookie of the browser that started it, of the state at the provider, and of the token that redeems it.
  browser_hash bytea,
  state_hash bytea,
  token_hash bytea,
  -- Nonce and verifier on the way there; who it is on the way back.
  sealed_content bytea,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  FOREIGN KEY (app_id, idp_id) REFERENCES identity_providers (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idp_intents_provider ON idp_intents (app_id, idp_id);
-- A browser comes with the id alone: which app it is about stands in the row.
CREATE INDEX idp_intents_id ON idp_intents (id);
CREATE INDEX idp_intents_end ON idp_intents (expires_at);
