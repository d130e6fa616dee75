-- The copies through which a copy of a session was made, from copied_from to its direct origin; null: it was made from
-- copied_from itself. The end of a session also ends the copies that were made from it or from its copies.
ALTER TABLE sessions ADD COLUMN copied_through bigint[];
