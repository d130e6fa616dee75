-- API keys: of an organization, or of a person for one organization. Other services introspect them; this API accepts
-- none as a credential.
CREATE TABLE api_keys (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  org_id bigint NOT NULL,
  -- The person of a personal key, which is deleted with their membership. Null: the key belongs to the organization.
  user_id bigint,
  -- The maker of a key of the organization, whose present rights limit it: a member, a super admin who is no member, or
  -- a machine user of the app. All null: the key is refused until an owner adopts it.
  maker_id bigint,
  admin_id bigint,
  machine_user_id bigint,
  key_hash bytea NOT NULL,
  last_characters text NOT NULL,
  name text NOT NULL,
  -- Null: the key names roles, in api_key_roles.
  permissions text[],
  per_minute integer,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, id),
  CONSTRAINT api_keys_hash_key UNIQUE (app_id, key_hash),
  CONSTRAINT api_keys_organization_key UNIQUE (app_id, org_id, id),
  CONSTRAINT api_keys_one_holder CHECK (num_nonnulls(user_id, maker_id, admin_id, machine_user_id) <= 1),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, org_id, user_id) REFERENCES members (app_id, org_id, user_id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, org_id, maker_id) REFERENCES members (app_id, org_id, user_id) ON DELETE SET NULL (maker_id),
  FOREIGN KEY (app_id, admin_id) REFERENCES users (app_id, id) ON DELETE SET NULL (admin_id),
  FOREIGN KEY (app_id, machine_user_id) REFERENCES machine_users (app_id, id) ON DELETE SET NULL (machine_user_id)
);
CREATE INDEX api_keys_of_organization ON api_keys (app_id, org_id, id) WHERE user_id IS NULL;
CREATE INDEX api_keys_of_user ON api_keys (app_id, user_id, org_id) WHERE user_id IS NOT NULL;
CREATE INDEX api_keys_of_maker ON api_keys (app_id, maker_id, org_id) WHERE maker_id IS NOT NULL;
CREATE INDEX api_keys_of_admin ON api_keys (app_id, admin_id) WHERE admin_id IS NOT NULL;
CREATE INDEX api_keys_of_machine ON api_keys (app_id, machine_user_id) WHERE machine_user_id IS NOT NULL;

-- The roles that a key names: of its organization, or predefined ones of the app. A deleted role leaves every key, so
-- that a later role of the same name grants it nothing.
CREATE TABLE api_key_roles (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  key_id bigint NOT NULL,
  scope_id bigint NOT NULL CHECK (scope_id IN (0, org_id)),
  role_key text NOT NULL,
  PRIMARY KEY (app_id, org_id, key_id, scope_id, role_key),
  FOREIGN KEY (app_id, org_id, key_id) REFERENCES api_keys (app_id, org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, scope_id, role_key) REFERENCES roles (app_id, scope_id, key) ON DELETE CASCADE
);
CREATE INDEX api_key_roles_role ON api_key_roles (app_id, scope_id, role_key);
