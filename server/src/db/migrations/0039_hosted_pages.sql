-- Mails of apps that were created before the pages of the service keep their links.
UPDATE apps SET settings = settings || '{"hostedPages": false}'::jsonb;
