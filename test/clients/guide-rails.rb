# The least of a Rails application around the model and the controller of
# doc/start-rails.md, which are in the folder that is its argument.
#
# Reads a request from each line, as JSON: path, origin, body.  Prints the status
# and the body that it is answered with.  One browser, which keeps its cookies.
require 'active_record'
require 'action_controller'
require 'json'
require 'rack/mock'

ActiveRecord::Base.establish_connection(adapter: 'postgresql')

class ApplicationController < ActionController::Base
  protect_from_forgery with: :exception
end
require "#{ARGV[0]}/contact"
require "#{ARGV[0]}/chats_controller"

# What the guide has somebody add: who the session is.
class SessionsController < ApplicationController
  def show
    render plain: session[:contact_id].inspect
  end
end

routes = ActionDispatch::Routing::RouteSet.new
routes.draw do
  post 'identify', to: 'chats#identify'
  post 'logout', to: 'chats#logout'
  get 'session', to: 'sessions#show'
end
application = Rack::Builder.new do
  use ActionDispatch::Cookies
  use ActionDispatch::Session::CacheStore, cache: ActiveSupport::Cache::MemoryStore.new, key: '_chat'
  run routes
end.to_app

browser = Rack::MockRequest.new(application)
cookies = {}
$stdout.sync = true
$stdin.each_line do |line|
  asked = JSON.parse(line)
  headers = { 'HTTP_COOKIE' => cookies.map { |pair| pair.join('=') }.join('; '), 'HTTP_HOST' => 'chat.example' }
  headers['HTTP_ORIGIN'] = asked['origin'] if asked['origin']
  begin
    method = asked['body'] ? :post : :get
    headers.merge!('CONTENT_TYPE' => 'application/json', input: asked['body']) if asked['body']
    answer = browser.public_send(method, asked['path'], headers)
    answer['Set-Cookie'].to_s.each_line { |cookie| name, value = cookie[/^[^;]*/].split('=', 2); cookies[name] = value }
    puts "#{answer.status} #{answer.body}"
  rescue StandardError => e
    puts e.class
  end
end
