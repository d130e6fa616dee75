-- A code by mail can be the second factor, but never after the mailbox alone gave access to the account.
ALTER TABLE codes DROP CONSTRAINT codes_purpose_check;
ALTER TABLE codes ADD CONSTRAINT codes_purpose_check CHECK (purpose IN ('email_verification',
  'invitation', 'password_reset', 'email_change', 'reauthentication', 'sign_in', 'second_factor'));
