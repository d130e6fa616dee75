-- Machine users that belong to one organization. `is_manager` is the manager role; they are never owners.
CREATE TABLE organization_machine_users (
  app_id bigint NOT NULL,
  id bigint NOT NULL,
  org_id bigint NOT NULL,
  user_name text NOT NULL,
  user_name_key text NOT NULL,
  is_manager boolean NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, id),
  UNIQUE (app_id, org_id, id),
  CONSTRAINT organization_machine_users_user_name_key UNIQUE (app_id, org_id, user_name_key),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE
);

CREATE TABLE organization_machine_roles (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  machine_user_id bigint NOT NULL,
  scope_id bigint NOT NULL CHECK (scope_id IN (0, org_id)),
  role_key text NOT NULL,
  PRIMARY KEY (app_id, org_id, machine_user_id, scope_id, role_key),
  FOREIGN KEY (app_id, org_id, machine_user_id)
    REFERENCES organization_machine_users (app_id, org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, scope_id, role_key) REFERENCES roles (app_id, scope_id, key) ON DELETE CASCADE
);
CREATE INDEX organization_machine_roles_role ON organization_machine_roles (app_id, scope_id, role_key);

CREATE TABLE organization_machine_secrets (
  app_id bigint NOT NULL,
  machine_user_id bigint NOT NULL,
  id bigint NOT NULL,
  label text,
  secret_hash bytea NOT NULL,
  -- The owner who vouches for the secret. Null: an app machine user created it, or the owner was deleted.
  created_by_user_id bigint,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  -- When the secret ends unless another owner confirms it. Null: the owner who vouches for it is still an owner.
  confirm_by timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (app_id, machine_user_id, id),
  CONSTRAINT organization_machine_secrets_hash_key UNIQUE (app_id, machine_user_id, secret_hash),
  FOREIGN KEY (app_id, machine_user_id) REFERENCES organization_machine_users (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, created_by_user_id) REFERENCES users (app_id, id) ON DELETE SET NULL (created_by_user_id)
);
CREATE INDEX organization_machine_secrets_creator ON organization_machine_secrets (app_id, created_by_user_id);

-- Responses that are kept for calls of these machine users; they are deleted with them.
ALTER TABLE idempotency_keys ADD COLUMN organization_machine_id bigint;
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_check;
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_caller
  CHECK (num_nonnulls(user_id, machine_user_id, organization_machine_id) = 1);
ALTER TABLE idempotency_keys ADD FOREIGN KEY (app_id, organization_machine_id)
  REFERENCES organization_machine_users (app_id, id) ON DELETE CASCADE;
CREATE INDEX idempotency_keys_organization_machine ON idempotency_keys (app_id, organization_machine_id)
  WHERE organization_machine_id IS NOT NULL;
