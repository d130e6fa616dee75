-- Devices that have signed in to an account: what they carry is a secret of their own, stored as its SHA-256. It opens
-- nothing, but the tries of a known device are counted apart from those of everybody else.
CREATE TABLE devices (
  app_id bigint NOT NULL,
  token_hash bytea NOT NULL,
  user_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, token_hash),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX devices_user ON devices (app_id, user_id);
-- Finds the devices that were not used for long, whichever app they are of.
CREATE INDEX devices_end ON devices (expires_at);
