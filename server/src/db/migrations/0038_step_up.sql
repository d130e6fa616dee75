-- Whether the authenticator verified the person by PIN or biometrics when the passkey was registered.
ALTER TABLE factors ADD COLUMN is_user_verified boolean;

-- The strength of the strongest factor of the user; 1: no factor. Kept beside the factors, like `has_factor`.
ALTER TABLE users ADD COLUMN strongest_acr smallint NOT NULL DEFAULT 1 CHECK (strongest_acr BETWEEN 1 AND 3);

-- When a factor of the strength 3 was last proven in the session.
ALTER TABLE sessions ADD COLUMN strong_factor_at timestamptz;
