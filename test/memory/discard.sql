-- What changes elsewhere counts at once, and what did not change still counts,
-- also where every cache is discarded whenever it may be (dev/check-memory).
\set QUIET on
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION idverify;
CREATE EXTENSION pgcrypto;
CREATE TABLE guarded (app_key text, external_id text, email text, user_hash text, is_verified boolean);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION idverify_guard();
SELECT app_key FROM idverify_create_app('Shop', 'shop', '0123456789abcdef0123456789abcdef');
SELECT encode(hmac('alice'::bytea, '0123456789abcdef0123456789abcdef'::bytea, 'sha256'), 'hex') AS hash \gset

BEGIN;
SET debug_discard_caches = 1;
SELECT 'right', idverify_check('shop', 'alice', :'hash');
SELECT 'wrong', idverify_check('shop', 'bob', :'hash');
SELECT 'unknown', idverify_check('none', 'alice', :'hash');
SELECT 'verdict', idverify_verdict('shop', 'alice', NULL, :'hash');
SELECT 'sign', idverify_sign('shop', 'alice') = :'hash';
INSERT INTO guarded VALUES ('shop', 'alice', NULL, :'hash', false), ('shop', 'bob', NULL, :'hash', true);
SELECT 'guarded', app_key, external_id, user_hash, is_verified FROM guarded ORDER BY external_id;
\! psql -qAtX -o /dev/null -c "SELECT idverify_rotate('shop')"
SELECT 'in its grace', idverify_check('shop', 'alice', :'hash');
SELECT 'by the new one', idverify_sign('shop', 'alice') <> :'hash';
\! psql -qAtX -o /dev/null -c "SELECT idverify_revoke('shop')"
SELECT 'revoked', idverify_check('shop', 'alice', :'hash');
SELECT 'revoked', idverify_verdict('shop', 'alice', NULL, :'hash');
COMMIT;
