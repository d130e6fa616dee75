-- A mailed code can renew the authentication of a session.
ALTER TABLE codes DROP CONSTRAINT codes_purpose_check;
ALTER TABLE codes ADD CONSTRAINT codes_purpose_check
  CHECK (purpose IN ('email_verification', 'invitation', 'password_reset', 'email_change', 'reauthentication'));

-- A round trip to a provider that renews the authentication of a session. It neither signs in nor links.
ALTER TABLE idp_intents ADD COLUMN reauthenticates boolean NOT NULL DEFAULT false;

-- Key of the address that the provider vouched for at the latest arrival; null if it vouched for none. A password reset
-- keeps an identity only if this is the key of the account's present address.
ALTER TABLE identities ADD COLUMN vouched_email_key text;
-- Earlier arrivals recorded the address, but not whether the provider vouched for it. Google and single Microsoft tenants
-- vouch for what they name; the last of these tenants holds personal accounts, for which nobody vouches. Letters
-- outside ASCII are not folded, so that both databases agree: such rows stay null.
UPDATE identities i SET vouched_email_key = u.email_key
FROM users u, identity_providers p
WHERE u.app_id = i.app_id AND u.id = i.user_id AND p.app_id = i.app_id AND p.id = i.idp_id
  AND translate(i.email, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = u.email_key
  AND (p.type = 'google' OR (p.type = 'azure'
    AND p.issuer ~ '^https://login\.microsoftonline\.com/[^/]+/v2\.0$'
    AND p.issuer !~ '/(common|organizations|consumers|9188040d-6c67-4c5b-b112-36a304b66dad)/v2\.0$'));
