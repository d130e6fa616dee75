-- Mails to one mailbox that others cause are booked: the times of the newest ones, each of which may lie ahead. What
-- exceeds the quota goes out at its booked time (mails.due_at).
ALTER TABLE rate_limits ADD COLUMN booked timestamptz[];

-- The invitation that a mail is about. Inviting again while its mail waits replaces that mail.
ALTER TABLE mails
  ADD COLUMN invitation_id bigint,
  ADD CONSTRAINT mails_invitation_fkey
    FOREIGN KEY (app_id, invitation_id) REFERENCES invitations (app_id, id) ON DELETE CASCADE;
CREATE INDEX mails_invitation ON mails (app_id, invitation_id) WHERE invitation_id IS NOT NULL;
