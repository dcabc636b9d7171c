--
-- What the first check of a session takes: the library is loaded, the key ring
-- read, the secret found and opened.  Prints microseconds.
--
DO $$
DECLARE
	claim record;
	started timestamptz;
	verified boolean;
BEGIN
	SELECT app_key, external_id, user_hash INTO claim FROM claims LIMIT 1;
	-- plpgsql itself has been loaded, and its first statement planned
	started := clock_timestamp();
	verified := idverify_check(claim.app_key, claim.external_id, claim.user_hash);
	PERFORM set_config('bench.took', (extract(epoch FROM clock_timestamp() - started) * 1e6)::text, false);
	ASSERT verified;
END
$$;
SELECT current_setting('bench.took');
