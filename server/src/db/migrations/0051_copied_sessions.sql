-- The session whose exchange code started this one; null: a sign-in. Kept after that session has ended.
ALTER TABLE sessions ADD COLUMN copied_from bigint;
