-- Removals of all second factors of a user that wait. Deleted when they take effect or are cancelled.
CREATE TABLE factor_resets (
  app_id bigint NOT NULL,
  user_id bigint NOT NULL,
  id bigint NOT NULL,
  -- The super admin. A removal takes effect only while they are one, so there is no reference: the row of somebody who
  -- was deleted lapses when it is due, at most 72 hours later.
  requested_by bigint NOT NULL,
  created_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, user_id),
  UNIQUE (app_id, id),
  FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id) ON DELETE CASCADE
);
CREATE INDEX factor_resets_due ON factor_resets (due_at);
