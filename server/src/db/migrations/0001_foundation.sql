-- Every key begins with app_id and every reference is composite, so that a row of one app cannot even be made to
-- point at a row of another. Ids are made by the service (see ids.ts); times come from its clock.

CREATE TABLE deployment (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- A value that only the right master key can reproduce: a start with a wrong key is refused by it.
  master_key_check text NOT NULL
);

-- The node part of ids, leased by one process at a time.
CREATE TABLE node_leases (
  id smallint PRIMARY KEY CHECK (id >= 0 AND id < 1024),
  holder text,
  leased_until timestamptz NOT NULL
);
INSERT INTO node_leases (id, leased_until) SELECT n, 'epoch' FROM generate_series(0, 1023) AS n;

CREATE TABLE apps (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  display_name text NOT NULL,
  status text NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
  -- Only what differs from the defaults in the code.
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT apps_name_key UNIQUE (name)
);

-- Answers a preflight: which active app allows this origin?
CREATE INDEX apps_allowed_origins ON apps USING gin ((settings -> 'allowedOrigins') jsonb_path_ops);

CREATE TABLE users (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  email text NOT NULL,
  -- The address folded for comparison (see users/email-address.ts).
  email_key text NOT NULL,
  is_email_verified boolean NOT NULL,
  first_name text NOT NULL,
  last_name text NOT NULL,
  phone_number text,
  is_phone_verified boolean NOT NULL DEFAULT false,
  language text,
  state text NOT NULL CHECK (state IN ('ACTIVE', 'INACTIVE', 'INVITED')),
  is_super_admin boolean NOT NULL DEFAULT false,
  password_hash text,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  CONSTRAINT users_email_key UNIQUE (app_id, email_key),
  -- Nobody can sign in to an account that was only invited.
  CONSTRAINT users_invited_has_no_password CHECK (state <> 'INVITED' OR password_hash IS NULL)
);

CREATE TABLE sessions (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  user_id bigint NOT NULL,
  token_hash bytea NOT NULL,
  amr text[] NOT NULL,
  authenticated_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Slides with use; whichever of the two limits comes first ends the session.
  idle_expires_at timestamptz NOT NULL,
  ip text,
  user_agent text,
  PRIMARY KEY (app_id, id),
  CONSTRAINT sessions_token_hash_key UNIQUE (app_id, token_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_user ON sessions (app_id, user_id, id);

CREATE TABLE organizations (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  name text NOT NULL,
  -- The name folded for comparison (see organizations/organization-name.ts).
  name_key text NOT NULL,
  status text NOT NULL CHECK (status IN ('Active', 'Inactive')),
  metadata jsonb NOT NULL DEFAULT '{}',
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  CONSTRAINT organizations_name_key UNIQUE (app_id, name_key)
);

-- scope_id is the organization that defines the role, or 0 for a predefined role of the app (key 'global:…').
CREATE TABLE roles (
  app_id bigint NOT NULL REFERENCES apps (id),
  scope_id bigint NOT NULL,
  key text NOT NULL,
  display_name text NOT NULL,
  permissions text[] NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  org_id bigint GENERATED ALWAYS AS (NULLIF(scope_id, 0)) STORED,
  PRIMARY KEY (app_id, scope_id, key),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE
);

CREATE TABLE members (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  user_id bigint NOT NULL,
  -- Order of membership, for lists.
  id bigint NOT NULL,
  is_owner boolean NOT NULL DEFAULT false,
  is_manager boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, org_id, user_id),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX members_user ON members (app_id, user_id, org_id);
CREATE UNIQUE INDEX members_order ON members (app_id, org_id, id);

-- A member holds roles of their own organization or predefined ones of the app, never those of another organization.
CREATE TABLE member_roles (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  user_id bigint NOT NULL,
  scope_id bigint NOT NULL CHECK (scope_id IN (0, org_id)),
  role_key text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, org_id, user_id, scope_id, role_key),
  FOREIGN KEY (app_id, org_id, user_id) REFERENCES members (app_id, org_id, user_id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, scope_id, role_key) REFERENCES roles (app_id, scope_id, key) ON DELETE CASCADE
);
CREATE INDEX member_roles_role ON member_roles (app_id, scope_id, role_key);

CREATE TABLE invitations (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  org_id bigint NOT NULL,
  user_id bigint NOT NULL,
  email text NOT NULL,
  email_key text NOT NULL,
  -- ORG_OWNER, ORG_USER_MANAGER, or ROLE for the role named by scope_id and role_key.
  grants text NOT NULL CHECK (grants IN ('ORG_OWNER', 'ORG_USER_MANAGER', 'ROLE')),
  scope_id bigint,
  role_key text,
  status text NOT NULL CHECK (status IN ('pending', 'accepted', 'revoked')),
  invited_by_kind text NOT NULL,
  invited_by_id bigint,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  CHECK ((grants = 'ROLE') = (role_key IS NOT NULL)),
  CHECK ((role_key IS NULL) = (scope_id IS NULL)),
  CHECK (scope_id IN (0, org_id)),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, scope_id, role_key) REFERENCES roles (app_id, scope_id, key) ON DELETE CASCADE
);
-- One pending invitation per organization, address and role.
CREATE UNIQUE INDEX invitations_pending ON invitations (app_id, org_id, email_key, grants, COALESCE(role_key, ''))
  WHERE status = 'pending';
CREATE INDEX invitations_user ON invitations (app_id, user_id);

-- One-time codes that travel by mail; a row is gone once its code is used or void.
CREATE TABLE codes (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  user_id bigint NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('email_verification', 'invitation')),
  org_id bigint,
  code_hash bytea NOT NULL,
  -- Of the token mailed with the code; it can only present this very code.
  token_hash bytea,
  tries integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  CONSTRAINT codes_token_hash_key UNIQUE (app_id, token_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE
);
CREATE INDEX codes_user ON codes (app_id, user_id, purpose, org_id);

-- Tries per code and client address, so that a stranger cannot use up the owner's.
CREATE TABLE code_tries (
  app_id bigint NOT NULL,
  code_id bigint NOT NULL,
  address text NOT NULL,
  tries integer NOT NULL,
  PRIMARY KEY (app_id, code_id, address),
  FOREIGN KEY (app_id, code_id) REFERENCES codes (app_id, id) ON DELETE CASCADE
);

CREATE TABLE machine_users (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  user_name text NOT NULL,
  user_name_key text NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, id),
  CONSTRAINT machine_users_user_name_key UNIQUE (app_id, user_name_key)
);

CREATE TABLE machine_secrets (
  app_id bigint NOT NULL,
  machine_user_id bigint NOT NULL,
  id bigint NOT NULL,
  label text,
  secret_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, machine_user_id, id),
  CONSTRAINT machine_secrets_hash_key UNIQUE (app_id, machine_user_id, secret_hash),
  FOREIGN KEY (app_id, machine_user_id) REFERENCES machine_users (app_id, id) ON DELETE CASCADE
);

CREATE TABLE signing_keys (
  app_id bigint NOT NULL REFERENCES apps (id),
  kid text NOT NULL,
  public_jwk jsonb NOT NULL,
  sealed_private_key bytea NOT NULL,
  created_at timestamptz NOT NULL,
  -- Published from creation, used from here on.
  active_from timestamptz NOT NULL,
  -- When a successor took over: the end of its publication; NULL while it is the newest.
  published_until timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (app_id, kid)
);

-- Outbox: written in the transaction of the change that it reports. What the mail says is sealed with the master
-- key, for it holds codes.
CREATE TABLE mails (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  user_id bigint NOT NULL,
  recipient text NOT NULL,
  purpose text NOT NULL,
  sealed_content bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX mails_recipient ON mails (recipient, id);
CREATE INDEX mails_newest ON mails (id);

-- Deliberately without references: an event outlives what it is about.
CREATE TABLE audit_events (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  org_id bigint,
  time timestamptz NOT NULL,
  action text NOT NULL,
  actor_kind text NOT NULL,
  actor_id bigint,
  claimed_on_behalf_of text,
  target_kind text NOT NULL,
  target_id bigint,
  ip text,
  user_agent text,
  request_id text,
  changes text[] NOT NULL,
  PRIMARY KEY (app_id, id)
);
CREATE INDEX audit_events_organization ON audit_events (app_id, org_id, id) WHERE org_id IS NOT NULL;
