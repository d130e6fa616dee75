-- Totals of lists, kept in the transaction that adds or removes, so that no list counts its rows. A total lies in up to
-- eight rows, which are chosen by the id of what is counted: those who add at the same time rarely wait for each other.
CREATE TABLE app_counts (
  app_id bigint NOT NULL REFERENCES apps (id),
  noun text NOT NULL CHECK (noun IN ('users', 'organizations')),
  slot smallint NOT NULL,
  total bigint NOT NULL,
  PRIMARY KEY (app_id, noun, slot)
);

CREATE TABLE member_counts (
  app_id bigint NOT NULL,
  org_id bigint NOT NULL,
  slot smallint NOT NULL,
  total bigint NOT NULL,
  PRIMARY KEY (app_id, org_id, slot),
  FOREIGN KEY (app_id, org_id) REFERENCES organizations (app_id, id) ON DELETE CASCADE
);

INSERT INTO app_counts (app_id, noun, slot, total)
  SELECT app_id, 'users', (id >> 22) & 7, count(*) FROM users GROUP BY 1, 3;
INSERT INTO app_counts (app_id, noun, slot, total)
  SELECT app_id, 'organizations', (id >> 22) & 7, count(*) FROM organizations GROUP BY 1, 3;
INSERT INTO member_counts (app_id, org_id, slot, total)
  SELECT app_id, org_id, (user_id >> 22) & 7, count(*) FROM members GROUP BY 1, 2, 3;

-- What a member is found by (see members/search-key.ts): the folded name and address, and hashes of their parts, mixed
-- with the organization, so that a search reads what lies in one organization only. The key does not begin with the
-- organization on purpose: no plan can be tempted to walk through all of its members.
CREATE TABLE member_search (
  app_id bigint NOT NULL,
  user_id bigint NOT NULL,
  org_id bigint NOT NULL,
  member_id bigint NOT NULL,
  name_key text NOT NULL,
  email_key text NOT NULL,
  parts integer[] NOT NULL,
  PRIMARY KEY (app_id, user_id, org_id),
  FOREIGN KEY (app_id, org_id, user_id) REFERENCES members (app_id, org_id, user_id) ON DELETE CASCADE
);
-- Without a pending list: every search would have to read it.
CREATE INDEX member_search_parts ON member_search USING gin (parts) WITH (fastupdate = off);

-- Members that no search finds yet: those of before, and those whom a process of the version before adds meanwhile.
ALTER TABLE members ADD COLUMN is_searchable boolean NOT NULL DEFAULT false;
CREATE INDEX members_unsearchable ON members (app_id, org_id, id) WHERE NOT is_searchable;

-- Finds the holders of a role within one organization, and still every holder of it.
CREATE INDEX member_roles_holders ON member_roles (app_id, scope_id, role_key, org_id, user_id);
DROP INDEX member_roles_role;
