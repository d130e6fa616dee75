-- Hash of the token that the session had when the code was created. A code ends when its session gets another token.
ALTER TABLE session_exchanges ADD COLUMN token_hash bytea;
