# Signs who a visitor is, on the site's server, for idverify.  Ruby, no gem.
#
# The secret is the identity secret as text; the id is what the widget will send as
# external_id, or as email where there is no id.  What would sign for everybody, or
# for nobody, is an error.
require 'json'
require 'openssl'

module Idverify
  # What the database calls nobody (vectors.json), with its blanks around it.
  BLANKS = /[\t-\r \u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*/
  NOBODY = /\A#{BLANKS}(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|''|\[object .*\]|\{\{.*\}\}|\$\{.*\}|\#\{.*\}|<%.*%>|[0-]*)#{BLANKS}\z/m
  private_constant :BLANKS, :NOBODY

  # The user_hash of an id: 64 hex digits.
  def self.user_hash(secret, id)
    OpenSSL::HMAC.hexdigest('SHA256', key(secret), text(id))
  end

  # A token that says who the visitor is, for lifetime seconds: 1 to 86400.  The claims
  # name who by sub, external_id, user_id, userId or id, or else by email, and may have a
  # name and what else the profile holds.
  def self.sign_token(secret, claims, lifetime = 300)
    said = claims.transform_keys(&:to_s)
    raise ArgumentError, 'a claim is there twice' if said.size < claims.size
    ids = said.values_at('external_id', 'user_id', 'userId', 'sub', 'id').reject { |id| id.nil? || id == '' }.map { |id| text(id) }.uniq
    raise ArgumentError, 'the claims name two ids' if ids.size > 1
    if ids.empty?
      raise ArgumentError, 'the claims name nobody' unless said['email'].is_a?(String) && !said['email'].empty? && [true, 'true'].include?(said.fetch('email_verified', true))
      text(said['email'])
    end
    raise ArgumentError, 'iat and exp are set here' if said.key?('iat') || said.key?('exp')
    raise ArgumentError, 'the lifetime is 1 to 86400 seconds' unless lifetime.is_a?(Integer) && lifetime.between?(1, 86_400)

    now = Time.now.to_i
    signed = [{ alg: 'HS256', typ: 'JWT' }, { **said, 'iat' => now, 'exp' => now + lifetime }].map { |part| encoded(JSON.generate(part)) }.join('.')
    token = "#{signed}.#{encoded(OpenSSL::HMAC.digest('SHA256', key(secret), signed))}"
    raise ArgumentError, 'a token has at most 8192 bytes' if token.size > 8192
    token
  end

  def self.key(secret)
    raise TypeError, 'the identity secret is not set, or not text' unless secret.is_a?(String) && !secret.empty?
    raise ArgumentError, 'the identity secret begins or ends with a blank' if secret != secret.strip
    secret
  end

  def self.text(id)
    raise TypeError, 'an id to sign is text or an integer' unless id.is_a?(String) || id.is_a?(Integer)
    id = id.to_s.encode('UTF-8')
    raise ArgumentError, 'the id is not in UTF-8, or has U+0000' if !id.valid_encoding? || id.include?("\0")
    raise ArgumentError, 'an id has at most 1024 bytes' if id.bytesize > 1024
    raise ArgumentError, 'the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like' if NOBODY.match?(id.downcase(:ascii))
    id
  end

  def self.encoded(bytes)
    [bytes].pack('m0').tr('+/', '-_').delete('=')
  end

  private_class_method :key, :text, :encoded
end
