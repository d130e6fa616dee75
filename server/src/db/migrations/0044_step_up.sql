-- Whether the authenticator verified the person by PIN or biometrics when the passkey was registered.
ALTER TABLE factors ADD COLUMN is_user_verified boolean;
