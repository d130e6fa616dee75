-- Finds the rows whose keys an earlier version of the fold made and the present one may make differently (see
-- members/search-row.ts, which has the same condition). They are folded again in the background and before a search of
-- their organization.
CREATE INDEX member_search_stale ON member_search (app_id, org_id, user_id)
  WHERE right(email_key, 2) <> E'\n2' AND (octet_length(name_key) > length(name_key)
    OR octet_length(email_key) > length(email_key) OR email_key LIKE '%xn--%');
