#!/usr/bin/env bash
# Lints the public documents with Redocly CLI, where Node.js is and can get it; elsewhere it says that it did not.
set -euo pipefail

cli=@redocly/cli@2.77.0
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm_config_update_notifier=false

skipped() {
  echo "docs/openapi.json and docs/asyncapi.json are not linted: $1" >&2
  exit 0
}

command -v npx >/dev/null || skipped 'there is no npx (Node.js)'
npx --yes "$cli" --version >/dev/null 2>&1 || skipped "npx cannot run $cli"
exec npx --yes "$cli" lint docs/openapi.json docs/asyncapi.json
