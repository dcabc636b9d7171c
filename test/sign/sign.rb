require_relative '../../sign/idverify'

SECRET = ENV.fetch('IDENTITY_SECRET')

def made(kind, what, value = '')
  text = value.unpack1('m').force_encoding('UTF-8')
  return Idverify.sign_token(SECRET, { sub: text, name: "\"\\é😀", custom_data: { plans: ['pro', 7, true] } }, what.to_i) if kind == 'token'

  Idverify.user_hash(SECRET, { 'text' => text, 'number' => value.to_i }[what])
end

$stdin.each_line do |line|
  puts made(*line.split)
rescue ArgumentError, TypeError
  puts 'refused'
end
