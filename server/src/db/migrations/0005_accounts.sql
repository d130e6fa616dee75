ALTER TABLE codes DROP CONSTRAINT codes_purpose_check;
ALTER TABLE codes ADD CONSTRAINT codes_purpose_check
  CHECK (purpose IN ('email_verification', 'invitation', 'password_reset', 'email_change'));
-- The address that the code was sent to, where it is not yet the user's.
ALTER TABLE codes ADD COLUMN email text;
-- The client address that asked for the code, where anybody may ask: some of the tries are kept for it.
ALTER TABLE codes ADD COLUMN requested_from text;
-- Finds the codes that have expired, whichever app they are of.
CREATE INDEX codes_end ON codes (expires_at);

-- Written where there is no code to try, so that trying takes the same time whether or not somebody has an account.
CREATE TABLE code_tries_in_vain (
  app_id bigint NOT NULL REFERENCES apps (id),
  address text NOT NULL,
  tries integer NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, address)
);
CREATE INDEX code_tries_in_vain_age ON code_tries_in_vain (last_at);

-- Somebody asked to reset the password of an address. Whether anybody has it is looked up later, not by the request. A
-- row is gone once it was looked at.
CREATE TABLE password_reset_requests (
  app_id bigint NOT NULL REFERENCES apps (id),
  id bigint NOT NULL,
  email_key text NOT NULL,
  url_template text,
  ip text NOT NULL,
  user_agent text,
  request_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, id)
);
CREATE INDEX password_reset_requests_order ON password_reset_requests (id);
CREATE INDEX password_reset_requests_email ON password_reset_requests (app_id, email_key);

CREATE INDEX users_super_admins ON users (app_id, id) WHERE is_super_admin;

-- Finds what nobody in particular did to a user, whose address goes when the user is deleted.
CREATE INDEX audit_events_anonymous ON audit_events (app_id, target_id)
  WHERE actor_kind = 'anonymous' AND target_kind = 'user';
