-- The strength of the strongest factor of the user; 1: no factor. Kept beside the factors, like `has_factor`.
ALTER TABLE users ADD COLUMN strongest_acr smallint NOT NULL DEFAULT 1 CHECK (strongest_acr BETWEEN 1 AND 3);
UPDATE users SET strongest_acr = 2 WHERE has_factor;
