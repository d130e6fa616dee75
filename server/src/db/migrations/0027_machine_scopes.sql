-- What a machine user may do here, and limits of its tokens. Machine users of before keep what they could do: `*`.
ALTER TABLE machine_users ADD COLUMN scopes text[] NOT NULL DEFAULT ARRAY['*'];
-- Null: every audience that the app allows.
ALTER TABLE machine_users ADD COLUMN allowed_audiences text[];
-- Addresses and CIDR ranges; null: every network.
ALTER TABLE machine_users ADD COLUMN allowed_networks text[];
-- Null: as the app says.
ALTER TABLE machine_users ADD COLUMN token_life_seconds integer;
