-- One-time codes with which a product on another site gets a session of its own after a sign-in on the hosted pages.
-- A code ends with the session that created it.
CREATE TABLE session_exchanges (
  app_id bigint NOT NULL,
  code_hash bytea NOT NULL,
  session_id bigint NOT NULL,
  -- The address to which the browser returns with the code.
  return_to text NOT NULL,
  -- base64url of the SHA-256 of the verifier (RFC 7636).
  code_challenge text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, code_hash),
  FOREIGN KEY (app_id, session_id) REFERENCES sessions (app_id, id) ON DELETE CASCADE
);
CREATE INDEX session_exchanges_session ON session_exchanges (app_id, session_id);
CREATE INDEX session_exchanges_expiry ON session_exchanges (expires_at);
