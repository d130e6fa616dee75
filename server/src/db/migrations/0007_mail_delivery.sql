-- What sending needs. A mail that a process has taken is due again when its lease runs out, so a crash loses none.
ALTER TABLE mails
  ADD COLUMN state text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'SENT', 'VOID', 'GIVEN_UP')),
  ADD COLUMN attempts integer NOT NULL DEFAULT 0,
  -- While QUEUED: when it is tried next; for a mail that is being sent, when its lease runs out.
  ADD COLUMN due_at timestamptz,
  ADD COLUMN give_up_at timestamptz,
  -- When it became SENT, VOID or GIVEN_UP.
  ADD COLUMN settled_at timestamptz,
  -- One of a few words and a status of the mail server; never what the server said, which quotes addresses.
  ADD COLUMN last_error text,
  -- Gone as soon as the mail is: codes are in it.
  ALTER COLUMN sealed_content DROP NOT NULL;

UPDATE mails SET due_at = created_at, give_up_at = created_at + interval '24 hours';
ALTER TABLE mails ALTER COLUMN due_at SET NOT NULL, ALTER COLUMN give_up_at SET NOT NULL;

CREATE INDEX mails_due ON mails (due_at) WHERE state = 'QUEUED';
CREATE INDEX mails_given_up ON mails (id) WHERE state = 'GIVEN_UP';
CREATE INDEX mails_settled ON mails (settled_at) WHERE state <> 'QUEUED';
CREATE INDEX mails_user ON mails (app_id, user_id, created_at);
