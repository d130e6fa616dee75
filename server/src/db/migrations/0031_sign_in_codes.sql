-- A mailed code can start a session. Its long form works only in the browser that asked for it: this is the hash of the
-- secret in that browser's cookie.
ALTER TABLE codes ADD COLUMN browser_hash bytea;
ALTER TABLE codes DROP CONSTRAINT codes_purpose_check;
ALTER TABLE codes ADD CONSTRAINT codes_purpose_check CHECK (purpose IN
  ('email_verification', 'invitation', 'password_reset', 'email_change', 'reauthentication', 'sign_in'));
ALTER TABLE codes ADD CONSTRAINT codes_browser_check CHECK (purpose <> 'sign_in' OR browser_hash IS NOT NULL);

-- Somebody asked for a code to sign in with an address. Whether an account has the address is looked up later, not by
-- the request. A row is deleted once it was looked at.
CREATE TABLE sign_in_code_requests (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  email_key text NOT NULL,
  url_template text,
  ip text NOT NULL,
  user_agent text,
  device_hashes bytea[] NOT NULL,
  browser_hash bytea NOT NULL,
  request_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id)
);
CREATE INDEX sign_in_code_requests_order ON sign_in_code_requests (id);
CREATE INDEX sign_in_code_requests_email ON sign_in_code_requests (app_id, email_key);
