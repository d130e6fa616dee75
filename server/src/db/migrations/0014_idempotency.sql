-- What was answered to a call under an idempotency key, kept for a day. Neither the key nor the request lies here: their
-- hashes are keyed, and the answer, which may hold a secret, only opens with the key that the caller has.
CREATE TABLE idempotency_keys (
  app_id bigint NOT NULL REFERENCES apps (id),
  key_hash bytea NOT NULL,
  -- Who called; the row goes with them.
  user_id bigint,
  machine_user_id bigint,
  request_hash bytea NOT NULL,
  sealed_answer bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, key_hash),
  CHECK ((user_id IS NULL) <> (machine_user_id IS NULL)),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE,
  FOREIGN KEY (app_id, machine_user_id) REFERENCES machine_users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_user ON idempotency_keys (app_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX idempotency_keys_machine ON idempotency_keys (app_id, machine_user_id) WHERE machine_user_id IS NOT NULL;
-- Finds what has expired, whichever app it is of.
CREATE INDEX idempotency_keys_end ON idempotency_keys (expires_at);
