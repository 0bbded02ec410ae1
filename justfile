# List the recipes.
default:
    @just --list

# Build the binary into bin/.
[group: 'build']
build:
    go build -o bin/trunkline ./cmd/trunkline

# Run trunkline from source.
[group: 'build']
run *args:
    go run ./cmd/trunkline {{ args }}

# Run the tests.
[group: 'test']
test *args='./...':
    go test -race -shuffle=on {{ args }}

# Rewrite golden files and generated documents from what the code does now; review the diff.
[group: 'test']
golden:
    go test ./sql -args -update # also docs/marts.md
    go test ./schema -run TestColumnsDocument -args -update

# Fuzz the decoder.
[group: 'test']
fuzz time='30m':
    go test ./schema -run '^$' -fuzz FuzzLaw -fuzztime {{ time }} -fuzzminimizetime 5s

# Measure replay against DuckDB on the same pages: 500,000 records, three rounds (-records, -rounds, -dir).
[group: 'test']
bench *args:
    go run ./bench {{ args }}

# Measure transform over 5,000,000 calls of 90 days: a full build, one changed day, no change, and a copy by DuckDB.
[group: 'test']
bench-marts *args:
    go run ./bench -marts -records 5000000 -days 90 {{ args }}

# Run the micro-benchmarks.
[group: 'test']
bench-micro *args='./schema ./sinks ./pipeline/ringcentral/simulator':
    go test -run '^$' -bench . {{ args }}

# Run the tests of the lake's stores on real servers of S3's, Google's and Azure's kinds, built once (-run, -v).
[group: 'test']
stores *args:
    TRUNKLINE_TEST_STORES=1 go test -count=1 -timeout 15m ./sinks/... {{ args }}
    TRUNKLINE_TEST_STORES=1 go test -count=1 -timeout 15m -p 1 -run OnStores ./pipeline ./cmd/trunkline {{ args }}

# Live through 10,000 seeded histories of an extraction; about an hour and a half.
[group: 'test']
simulate-all seeds='10000':
    go test ./pipeline -run Simulation -seeds {{ seeds }} -timeout 3h

# Kill runs at random moments, against a server that spoils its answers; then the lake must be the truth.
[group: 'test']
kill-check kills='50':
    go test ./cmd/trunkline -run KilledAgainAndAgain -kills {{ kills }} -count 1 -v

# Try the simulator with RingCentral's own JavaScript SDK.
[group: 'test']
sdk-check:
    pipeline/ringcentral/simulator/sdkcheck/run

# gofmt, go vet, staticcheck.
[group: 'check']
lint:
    test -z "$(git ls-files '*.go' | xargs gofmt -l)"
    go vet ./...
    go tool -modfile=tools.mod staticcheck ./...

# The whole gate.
[group: 'check']
ci:
    .ci/run
