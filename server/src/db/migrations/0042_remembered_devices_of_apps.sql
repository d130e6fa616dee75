-- Raised by changes of the policy of the app, which end the remembrance.
ALTER TABLE apps ADD COLUMN remember_version integer NOT NULL DEFAULT 0;
