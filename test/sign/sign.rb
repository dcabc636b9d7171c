require_relative '../../sign/idverify'

SECRET = ENV.fetch('IDENTITY_SECRET')

def decoded(value)
  value == 'broken' ? "\xff" : value.unpack1('m').force_encoding('UTF-8')
end

def made(kind, what, value = '', *more)
  return Idverify.sign_token(SECRET, [what, value, *more].reject(&:empty?).to_h { |claim| claim.split('=', 2).then { |name, text| [name, decoded(text)] } }) if kind == 'claims'

  text = decoded(value)
  return Idverify.sign_token(SECRET, { sub: text, name: "\"\\é😀", custom_data: { plans: ['pro', 7, true] } }, what.to_i) if kind == 'token'

  Idverify.user_hash(SECRET, { 'text' => text, 'number' => value.to_i }[what])
end

$stdin.each_line do |line|
  puts made(*line.split)
rescue ArgumentError, TypeError, JSON::GeneratorError
  puts 'refused'
end
