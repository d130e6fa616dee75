-- When a second factor was last proven on the device. Only such a device has a limit of its own for wrong codes: the
-- others may belong to somebody who knew the password before the factor was added, or who reads the mailbox.
ALTER TABLE devices ADD COLUMN factor_at timestamptz;
