# ActiveRecord: upsert, upsert_all, create!, update!.
require 'active_record'
require 'json'

ActiveRecord::Base.establish_connection(
  adapter: 'postgresql',
  host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER'], database: ENV['PGDATABASE'],
  # a pooler in transaction mode hands out another session each time
  prepared_statements: !ENV['THROUGH_POOLER'], advisory_locks: false
)

COLUMNS = %w[app_key external_id name user_hash].freeze
TOLD = %w[name is_verified].freeze
MODELS = %w[contacts_full contacts_partial].to_h do |table|
  [table, Class.new(ActiveRecord::Base) { self.table_name = table }]
end

class Client
  def insert(c)
    read_back(MODELS[c['table']].create!(c.slice(*COLUMNS)))
  end

  def visit(c)
    contacts = MODELS[c['table']]
    contact = contacts.new(c.slice(*COLUMNS))
    contact.validate!
    row = contacts.upsert(contact.attributes.slice(*COLUMNS), unique_by: unique_by(c), returning: contacts.column_names)
    contact = contacts.instantiate(row.first)
    [contact.name, contact.is_verified]
  end

  # a partial unique index is named, any other could be told by its columns
  def upsert(c)
    MODELS[c['table']].upsert(c.slice(*COLUMNS), unique_by: unique_by(c), returning: TOLD).to_a.first&.values
  end

  def bulk(c)
    MODELS[c['table']].upsert_all(c['rows'], unique_by: unique_by(c), returning: TOLD).rows
  end

  def save(c)
    contact = MODELS[c['table']].find_by!(app_key: c['app_key'], external_id: c['external_id'])
    contact.update!(name: c['name'], user_hash: c['user_hash'])
    read_back(contact)
  end

  def query(sql, parameters)
    binds = parameters.each_with_index.map do |value, i|
      value = JSON.generate(value) if value.is_a?(Hash)
      ActiveRecord::Relation::QueryAttribute.new("p#{i}", value, ActiveModel::Type::Value.new)
    end
    ActiveRecord::Base.connection.exec_query(sql, 'SQL', binds).rows
  end

  private

  def read_back(contact)
    contact.reload.attributes.values_at(*TOLD)
  end

  def unique_by(c)
    "#{c['table']}_key"
  end
end

def text(value)
  case value
  when true then 't'
  when false then 'f'
  else value.to_s
  end
end

def told(row)
  row.map { |value| text(value) }.join(' ')
end

def result(client, arguments)
  case arguments['op']
  when 'query'
    client.query(arguments['sql'], arguments['parameters']).map { |row| row.map { |v| text(v) }.join('|') }.join(',')
  when 'bulk'
    rows = client.bulk(arguments)
    rows.empty? ? 'none' : rows.map { |row| told(row) }.join(', ')
  else
    row = client.public_send(arguments['op'], arguments)
    row ? told(row) : 'none'
  end
end

client = Client.new
$stdout.sync = true
$stdin.each_line do |line|
  arguments = JSON.parse(line)
  begin
    printed = result(client, arguments)
  rescue StandardError => e
    state = e.cause.is_a?(PG::Error) && e.cause.result&.error_field(PG::Result::PG_DIAG_SQLSTATE)
    warn e.full_message unless state
    printed = "error #{state || e.class}"
  end
  puts "#{arguments['n']}\t#{printed}"
end
