-- The name of a partition is read as a date only where it is one: with some plans the condition was asked of every table
-- there is, and retention failed with "invalid value for YYYY".
CREATE OR REPLACE FUNCTION drop_partitions(before date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
DECLARE
    part record;
    dropped integer := 0;
BEGIN
    IF before > (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'retention may not reach into today' USING ERRCODE = 'check_violation';
    END IF;
    FOR part IN
        SELECT c.relname
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('project_errors'::regclass, 'subjects'::regclass)
          AND CASE WHEN c.relname ~ '_[0-9]{8}$' THEN to_date(right(c.relname, 8), 'YYYYMMDD') < before ELSE false END
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', part.relname);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
