#!/usr/bin/env bash
# Keeps the checked metadata of the services' SQL (<crate>/.sqlx) in step with their queries and migrations.
#
#     sql.sh           writes it anew
#     sql.sh --check   fails if that would change anything
#
# It needs only cargo and the PostgreSQL that services.sh has found.
set -euo pipefail

readonly crates="identity-svc inventory-svc order-svc"
readonly mode=${1:-}
readonly stamp=target/sql-checked
server=${EASYORDER_TEST_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432/postgres}

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What decides whether the metadata is right.
fingerprint() {
  for crate in chassis/migrations $crates; do
    find "$crate" -type f \( -name '*.rs' -o -name '*.sql' -o -name 'query-*.json' \) -exec cksum {} +
  done | sort | cksum
}

# write CRATE DIRECTORY: the metadata of all queries of the crate. The compiler asks the database about each.
write() {
  local crate=$1 directory=$2 service=${1%-svc} url
  url=${server%/*}/easyorder_scratch_$service
  cargo run --quiet -p chassis --example scratch_database -- "$url" "$crate/migrations"
  mkdir -p "$directory"
  # Compiled before or not, the queries must be looked at now.
  touch "$crate/src/lib.rs"
  env "$(tr '[:lower:]' '[:upper:]' <<<"$service")_DATABASE_URL=$url" \
    SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$directory" cargo check --quiet -p "$crate" --all-targets
}

if [ "$mode" = --check ]; then
  # The compiler's turn takes a while; nobody needs it twice.
  if [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]; then
    echo "sql: unchanged since the last check"
    exit
  fi
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  for crate in $crates; do
    echo "sql: checking the queries of $crate"
    write "$crate" "$scratch/$crate"
    if ! diff -rq "$crate/.sqlx" "$scratch/$crate"; then
      echo "sql: $crate/.sqlx is out of date; run \`make sql\` and commit it" >&2
      exit 1
    fi
  done
  mkdir -p target
  fingerprint >"$stamp"
else
  for crate in $crates; do
    echo "sql: writing $crate/.sqlx"
    rm -rf "$crate/.sqlx"
    write "$crate" "$PWD/$crate/.sqlx"
  done
fi
