-- Apps that were created before redirect URLs were matched exactly keep the earlier rule until their setting is changed.
UPDATE apps SET settings = settings || '{"redirectMatching": "origin"}'::jsonb;

-- Serves the warning at start and the metric: in the long run no app is in it.
CREATE INDEX apps_redirect_matching_origin ON apps (id) WHERE settings ->> 'redirectMatching' = 'origin';
