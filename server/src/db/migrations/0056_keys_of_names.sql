-- Keys of names of organizations and machine users: now without invisible characters. The new key is a function of the
-- earlier one, which was normalized and in lower case already. Literals are repeated here, because a migration must not
-- change when organizationNameKey changes.
--
-- Two rows can get the same key. The row that has this key already keeps it; if there is none, the oldest row gets it.
-- The other rows keep their earlier keys. These cannot block new names, because no name gets such a key any more.
CREATE FUNCTION pg_temp.new_key(key text) RETURNS text LANGUAGE sql AS $$
  SELECT btrim(regexp_replace(normalize(replace(regexp_replace(key,
    '[\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890-\u0891\u08E2\u115F-\u1160\u17B4-\u17B5\u180B-\u180F'
    '\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000110BD\U000110CD'
    '\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]',
    '', 'g'), 'ς', 'σ'), NFKC), '[ \u2800]+', ' ', 'g'), ' ')
$$;

UPDATE organizations AS row SET name_key = first.key
FROM (
  SELECT DISTINCT ON (app_id, key) app_id, id, key
  FROM (
    SELECT app_id, id, name_key AS earlier, pg_temp.new_key(name_key) AS key
    FROM organizations WHERE octet_length(name_key) > length(name_key)) AS changed
  WHERE key <> earlier AND key <> '' AND NOT EXISTS (
    SELECT FROM organizations AS taken
    WHERE taken.app_id = changed.app_id AND taken.name_key = changed.key)
  ORDER BY app_id, key, id) AS first
WHERE row.app_id = first.app_id AND row.id = first.id;

UPDATE machine_users AS row SET user_name_key = first.key
FROM (
  SELECT DISTINCT ON (app_id, key) app_id, id, key
  FROM (
    SELECT app_id, id, user_name_key AS earlier, pg_temp.new_key(user_name_key) AS key
    FROM machine_users WHERE octet_length(user_name_key) > length(user_name_key)) AS changed
  WHERE key <> earlier AND key <> '' AND NOT EXISTS (
    SELECT FROM machine_users AS taken
    WHERE taken.app_id = changed.app_id AND taken.user_name_key = changed.key)
  ORDER BY app_id, key, id) AS first
WHERE row.app_id = first.app_id AND row.id = first.id;

UPDATE organization_machine_users AS row SET user_name_key = first.key
FROM (
  SELECT DISTINCT ON (app_id, org_id, key) app_id, id, key
  FROM (
    SELECT app_id, org_id, id, user_name_key AS earlier, pg_temp.new_key(user_name_key) AS key
    FROM organization_machine_users WHERE octet_length(user_name_key) > length(user_name_key)) AS changed
  WHERE key <> earlier AND key <> '' AND NOT EXISTS (
    SELECT FROM organization_machine_users AS taken
    WHERE taken.app_id = changed.app_id AND taken.org_id = changed.org_id AND taken.user_name_key = changed.key)
  ORDER BY app_id, org_id, key, id) AS first
WHERE row.app_id = first.app_id AND row.id = first.id;

DROP FUNCTION pg_temp.new_key;
