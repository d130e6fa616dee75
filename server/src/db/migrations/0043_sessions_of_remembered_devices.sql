-- When the second factor was proven on the remembered device, if the latest sign-in did not ask for the factor. Such a
-- session is not freshly authenticated before a re-authentication.
ALTER TABLE sessions
  ADD COLUMN remembered_factor_at timestamptz,
  ADD COLUMN needs_reauthentication boolean NOT NULL DEFAULT false;
