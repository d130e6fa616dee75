-- A remembered device replaces the second factor until `remembered_until`. It is recognized by a secret of its own, in
-- a cookie that scripts cannot read, because clients can read the device token. The versions tie it to the person's
-- password and factors, and to the policy of the app: a change of these raises the version.
ALTER TABLE devices
  ADD COLUMN remember_hash bytea,
  -- When the second factor was proven.
  ADD COLUMN remembered_at timestamptz,
  ADD COLUMN remembered_until timestamptz,
  ADD COLUMN remembered_user_version integer,
  ADD COLUMN remembered_app_version integer,
  ADD CONSTRAINT devices_remembered_check CHECK (num_nonnulls(remember_hash, remembered_at, remembered_until,
    remembered_user_version, remembered_app_version) IN (0, 5));
