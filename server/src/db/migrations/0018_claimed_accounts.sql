-- How the person behind the account showed that its present address is theirs; null: the account is not claimed (see
-- users/claim-account.ts). A verified address alone says only that somebody with the mailbox followed a link: the
-- account may have been created by somebody else.
ALTER TABLE users ADD COLUMN claimed_by text
  CHECK (claimed_by IN ('verification', 'mailed_code', 'provider', 'email_change', 'operator', 'assumed'));

-- Accounts of before, as far as their address is verified. 'assumed' are those that hold a grant or were linked to an
-- identity that names their address, without a code from the mailbox: `operate list-unclaimed` names them.
WITH coded AS (
  SELECT DISTINCT app_id, actor_id AS user_id FROM audit_events
  WHERE actor_kind = 'user' AND action IN ('user.password_reset', 'invitation.accepted', 'super_admin.accepted')
), settled AS (
  SELECT DISTINCT app_id, user_id FROM invitations WHERE status = 'accepted'
  UNION
  SELECT DISTINCT app_id, user_id FROM members
), vouched AS (
  -- Providers that vouched for every address: Google, and a tenant of Microsoft with administrators of its own.
  SELECT DISTINCT i.app_id, i.user_id FROM identities i
  JOIN identity_providers p ON p.app_id = i.app_id AND p.id = i.idp_id
  JOIN users u ON u.app_id = i.app_id AND u.id = i.user_id
  WHERE i.email IN (u.email, u.email_key) AND (p.type = 'google' OR (p.type = 'azure'
    AND p.issuer !~ '/(common|organizations|consumers|9188040d-6c67-4c5b-b112-36a304b66dad)/v2\.0$'))
)
UPDATE users u SET claimed_by = CASE
    WHEN (u.app_id, u.id) IN (SELECT app_id, user_id FROM coded) THEN 'mailed_code'
    -- Only somebody who came by a provider that vouched for the address has an account without a password.
    WHEN u.password_hash IS NULL THEN 'provider'
    -- The first super admin was created with the app.
    WHEN u.is_super_admin AND u.created_at = a.created_at THEN 'operator'
    ELSE 'assumed'
  END
FROM apps a
WHERE a.id = u.app_id AND u.is_email_verified AND u.state <> 'INVITED' AND (
  u.is_super_admin OR u.password_hash IS NULL
  OR (u.app_id, u.id) IN (SELECT app_id, user_id FROM coded)
  OR (u.app_id, u.id) IN (SELECT app_id, user_id FROM settled)
  OR (u.app_id, u.id) IN (SELECT app_id, user_id FROM vouched));

ALTER TABLE users ADD CONSTRAINT users_claimed_is_verified
  CHECK (claimed_by IS NULL OR (is_email_verified AND state <> 'INVITED'));
