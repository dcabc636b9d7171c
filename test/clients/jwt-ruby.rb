# Tokens by Ruby's jwt: reads and prints what jwt-node.js does.
require 'json'
require 'jwt'

$stdin.set_encoding('UTF-8')
$stdout.set_encoding('UTF-8')

def result(c)
  return JWT.encode(c['claims'], c['secret'], c['algorithm']) if c['op'] == 'sign'

  JWT.decode(c['token'], c['secret'], true, algorithm: 'HS256').first['sub']
end

$stdin.each_line do |line|
  c = JSON.parse(line)
  printed = begin
    result(c)
  rescue JWT::DecodeError => e
    "error #{e.class.name}"
  end
  puts "#{c['n']}\t#{printed}"
  $stdout.flush
end
