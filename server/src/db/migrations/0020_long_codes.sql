-- Every mail with a code has a long one too, of at least 128 bits: it cannot be guessed, so it needs no counter of
-- attempts, and a stranger cannot use it up. It is found by its keyed hash. A short code that newer ones have replaced is
-- null here; its row stays for the long code of the same mail until that expires.
ALTER TABLE codes
  ALTER COLUMN code_hash DROP NOT NULL,
  ADD COLUMN long_hash bytea,
  ADD CONSTRAINT codes_long_hash_key UNIQUE (app_id, long_hash),
  ADD CONSTRAINT codes_some_hash CHECK (code_hash IS NOT NULL OR long_hash IS NOT NULL);

-- Hashes of the device tokens that came with the request: devices that the account knows have mails reserved for them.
ALTER TABLE password_reset_requests ADD COLUMN device_hashes bytea[] NOT NULL DEFAULT '{}';
