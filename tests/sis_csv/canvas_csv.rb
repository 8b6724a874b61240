# frozen_string_literal: true

# Reads CSV cases with Ruby's own library and Canvas's arguments. Each case comes on stdin as its size in decimal, a
# line feed and the bytes; for each one line of JSON goes out.

require "csv"
require "json"
require "tempfile"

ARGUMENTS = { headers: :first_row, skip_blanks: true, encoding: "bom|utf-8" }.freeze

def value(cell)
  stripped = cell&.strip
  stripped unless stripped.nil? || stripped.match?(/\A[[:space:]]*\z/)
end

def judge(path)
  rows = []
  headers = nil
  CSV.open(path, "r", **ARGUMENTS) do |csv|
    begin
      while (row = csv.shift)
        rows << row.fields.map { |cell| value(cell) }
      end
    ensure
      headers = csv.headers.map(&:to_s) if csv.headers.is_a?(Array)
    end
  end
  { verdict: "ok", header: headers || [], rows: rows }
rescue CSV::MalformedCSVError
  { verdict: "malformed", header: headers, rows: rows }
end

$stdin.binmode
$stdout.binmode
$stdout.sync = true
puts JSON.generate(ruby: RUBY_VERSION, csv: CSV::VERSION)
Tempfile.create("case.csv", binmode: true) do |file|
  while (size = $stdin.gets)
    bytes = $stdin.read(size.to_i)
    file.rewind
    file.truncate(0)
    file.write(bytes)
    file.flush
    valid = bytes.force_encoding(Encoding::UTF_8).valid_encoding?
    puts JSON.generate(valid ? judge(file.path) : { verdict: "not utf-8" })
  end
end
