-- When a factor of the strength 3 was last proven in the session.
ALTER TABLE sessions ADD COLUMN strong_factor_at timestamptz;
