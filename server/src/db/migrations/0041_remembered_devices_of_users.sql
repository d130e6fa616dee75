-- Raised by changes of the person's password and factors, which end the remembrance.
ALTER TABLE users ADD COLUMN remember_version integer NOT NULL DEFAULT 0;
