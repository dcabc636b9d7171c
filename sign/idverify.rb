# Signs who a visitor is, on the site's server, for idverify.  Ruby, no gem.
#
# The secret is the identity secret as text; the id is what the widget will send as
# external_id, or as email where there is no id.  What would sign for everybody, or
# for nobody, is an error.
require 'json'
require 'openssl'

module Idverify
  NOBODY = /\A(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)\z/i
  private_constant :NOBODY

  # The user_hash of an id: 64 hex digits.
  def self.user_hash(secret, id)
    OpenSSL::HMAC.hexdigest('SHA256', key(secret), text(id))
  end

  # A token that says who the visitor is, for lifetime seconds: 1 to 86400.  The claims
  # name who by sub, external_id, user_id, userId or id, and may have an email, a name
  # and what else the profile holds.
  def self.sign_token(secret, claims, lifetime = 300)
    claims = claims.transform_keys(&:to_s)
    who = claims.values_at('external_id', 'user_id', 'userId', 'sub', 'id').reject { |id| id.nil? || id == '' }
    raise ArgumentError, 'the claims name nobody' if who.empty?
    who.each { |id| text(id) }
    raise ArgumentError, 'iat and exp are set here' if claims.key?('iat') || claims.key?('exp')
    raise ArgumentError, 'the lifetime is 1 to 86400 seconds' unless lifetime.is_a?(Integer) && lifetime.between?(1, 86_400)

    now = Time.now.to_i
    signed = [{ alg: 'HS256', typ: 'JWT' }, { **claims, 'iat' => now, 'exp' => now + lifetime }].map { |part| encoded(JSON.generate(part)) }.join('.')
    "#{signed}.#{encoded(OpenSSL::HMAC.digest('SHA256', key(secret), signed))}"
  end

  def self.key(secret)
    raise TypeError, 'the identity secret is not set' unless secret.is_a?(String) && !secret.empty?
    raise ArgumentError, 'the identity secret begins or ends with a blank' if secret != secret.strip
    secret
  end

  def self.text(id)
    raise TypeError, 'an id to sign is text or an integer' unless id.is_a?(String) || id.is_a?(Integer)
    raise ArgumentError, 'there is no id to sign' if NOBODY.match?(id.to_s.strip)
    id.to_s.encode('UTF-8')
  end

  def self.encoded(bytes)
    [bytes].pack('m0').tr('+/', '-_').delete('=')
  end

  private_class_method :key, :text, :encoded
end
