-- When the password was last set with a code from the mailbox; null: never, or before this column existed.
ALTER TABLE users ADD COLUMN password_mailed_at timestamptz;
