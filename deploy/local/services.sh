#!/usr/bin/env bash
# Finds a PostgreSQL and a RabbitMQ for this machine, or starts them: what the environment names, else the standard
# ports, else Docker Compose, else the system's package manager. Says what it does on standard error; prints the
# variables that differ from the defaults, so that
#
#     env=$(deploy/local/services.sh) && eval "$env"
#
# makes everything else work. Running it again is quick and changes nothing.
set -euo pipefail

# Standard output is for the variables alone, whatever the programs called here may say.
exec 3>&1 1>&2

readonly here=${BASH_SOURCE[0]%/*}
# The standard port first; the second is for Compose, when something else sits on the first.
postgres_ports="5432 55432"
rabbitmq_ports="5672 55672"

say() { printf 'services: %s\n' "$*"; }
set_variable() { printf "export %s='%s'\n" "$1" "$2" >&3; }
die() {
  say "$*"
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# --- Does a server answer? Asked in its own protocol, so that no client program is needed. ---

# reply HOST PORT BYTES REQUEST: the first BYTES bytes that the server says to REQUEST (for printf), as numbers.
reply() {
  (
    exec 4<>"/dev/tcp/$1/$2" || exit 1
    # shellcheck disable=SC2059 # the request is a format: it has bytes that no argument can hold
    printf "$4" >&4
    for _ in $(seq "$3"); do
      IFS='' LC_ALL=C read -r -t 5 -d '' -n1 byte <&4 || exit 1
      printf '%d ' "'$byte"
    done
  ) 2>/dev/null
}

# Whether this role gets in without a password.
postgres_accepts() {
  local role=$1 port=$2 length
  length=$(printf '\\x%02x' $((8 + 5 + ${#role} + 1 + 9 + 9 + 1)))
  # Version 3.0, user, database; "AuthenticationOk" is R, length 8, 0.
  [ "$(reply 127.0.0.1 "$port" 9 \
    "\\x00\\x00\\x00$length\\x00\\x03\\x00\\x00user\\x00$role\\x00database\\x00postgres\\x00\\x00")" \
    = "82 0 0 0 8 0 0 0 0 " ]
}

# AMQP 0-9-1 begins with a frame of type 1 on channel 0.
rabbitmq_answers() { [ "$(reply 127.0.0.1 "$1" 3 'AMQP\x00\x00\x09\x01')" = "1 0 0 " ]; }

listens() { (exec 4<>"/dev/tcp/$1/$2") 2>/dev/null; }

# --- PostgreSQL ---

postgres_role=
postgres_port=

find_postgres() {
  local port role
  for port in $postgres_ports; do
    for role in postgres easyorder; do
      if postgres_accepts "$role" "$port"; then
        postgres_role=$role postgres_port=$port
        return 0
      fi
    done
  done
  return 1
}

print_postgres() {
  local base="postgres://$postgres_role@127.0.0.1:$postgres_port" service
  say "PostgreSQL is at 127.0.0.1:$postgres_port, role $postgres_role"
  [ "$base" != "postgres://postgres@127.0.0.1:5432" ] || return 0
  for service in identity inventory order worker; do
    set_variable "$(printf '%s' "$service" | tr '[:lower:]' '[:upper:]')_DATABASE_URL" "$base/easyorder_$service"
  done
  set_variable EASYORDER_TEST_POSTGRES_URL "$base/postgres"
}

# --- RabbitMQ ---

rabbitmq_port=

find_rabbitmq() {
  local port
  for port in $rabbitmq_ports; do
    if rabbitmq_answers "$port"; then
      rabbitmq_port=$port
      return 0
    fi
  done
  return 1
}

print_rabbitmq() {
  say "RabbitMQ is at 127.0.0.1:$rabbitmq_port"
  [ "$rabbitmq_port" = 5672 ] || set_variable AMQP_URL "amqp://guest:guest@127.0.0.1:$rabbitmq_port/%2f"
}

# --- Docker Compose ---

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -f "$here/compose.yaml" "$@"
  else
    docker-compose -f "$here/compose.yaml" "$@"
  fi
}

has_compose() {
  has docker && docker info >/dev/null 2>&1 && { docker compose version >/dev/null 2>&1 || has docker-compose; }
}

start_by_compose() {
  has_compose || return 1
  say "starting $1 with Docker Compose"
  ! listens 127.0.0.1 5432 || export POSTGRES_PORT=55432
  ! listens 127.0.0.1 5672 || export RABBITMQ_PORT=55672
  if ! compose up --detach --wait "$1"; then
    say "Docker Compose could not start $1"
    return 1
  fi
}

# --- The system's package manager ---

# Without the descriptor for the variables: a server that inherits it keeps whoever reads them waiting for ever.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@" 3>&-
  elif has sudo; then
    sudo "$@" 3>&-
  else
    die "this needs root or sudo: $*"
  fi
}

# install_package PROGRAM PACKAGE: makes the package there, if its program is not.
install_package() {
  PATH=$PATH:/usr/sbin has "$1" && return
  say "installing $2"
  if has apt-get; then
    # Stale lists may still do, without a network for instance.
    as_root apt-get update -q || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"
  elif has dnf; then
    as_root dnf install -q -y "$2"
  else
    brew install --quiet "$2"
  fi || die "cannot install $2"
}

has_systemd() { [ -d /run/systemd/system ]; }

start_unit() { as_root systemctl enable --now "$1"; }

start_postgres_by_packages() {
  if has apt-get; then
    install_package pg_ctlcluster postgresql
    start_debian_cluster
  elif has dnf; then
    install_package postgresql-setup postgresql-server
    as_root test -e /var/lib/pgsql/data/PG_VERSION || as_root postgresql-setup --initdb
    start_unit postgresql
  elif has brew; then
    start_homebrew_postgres
    return
  else
    return 1
  fi
  await "PostgreSQL" postgres_is_up
  find_postgres || admit_easyorder
}

start_homebrew_postgres() {
  brew list postgresql@17 >/dev/null 2>&1 || install_package '' postgresql@17
  brew services start postgresql@17 3>&-
  await "PostgreSQL" listens 127.0.0.1 5432
  # Homebrew's server knows only a role of the user's name, and lets every local role in.
  "$(brew --prefix postgresql@17)/bin/createuser" --superuser postgres || true
}

# Debian keeps several servers apart by version and name; the newest will do.
start_debian_cluster() {
  local version name port status
  read -r version name port status _ < <(pg_lsclusters -h | sort -V | tail -n 1) ||
    die "there is no PostgreSQL cluster: run pg_createcluster"
  case " $postgres_ports " in
    *" $port "*) ;;
    *) postgres_ports="$postgres_ports $port" ;;
  esac
  case $status in
    online*) ;;
    *)
      say "starting PostgreSQL $version/$name"
      as_root pg_ctlcluster "$version" "$name" start
      ;;
  esac
}

psql_as_postgres() { as_root runuser -u postgres -- psql -X -q -v ON_ERROR_STOP=1 -p "$(installed_port)" "$@"; }

installed_port() {
  if has pg_lsclusters; then
    pg_lsclusters -h | sort -V | awk '{ port = $3 } END { print port }'
  else
    echo 5432
  fi
}

postgres_is_up() { listens 127.0.0.1 "$(installed_port)"; }

# A role of our own that may make databases and nothing else, without a password from this machine only.
admit_easyorder() {
  say "letting the role easyorder in from this machine (pg_hba.conf)"
  psql_as_postgres -c "do \$\$ begin
    if not exists (select from pg_roles where rolname = 'easyorder') then create role easyorder login createdb; end if;
  end \$\$"
  local hba rule='host all easyorder 127.0.0.1/32 trust'
  hba=$(psql_as_postgres -At -c 'show hba_file')
  # The first line that matches decides, so it goes before the others.
  as_root grep -qxF "$rule" "$hba" || as_root sed -i "1i $rule" "$hba"
  psql_as_postgres -c 'select pg_reload_conf()'
  await "the role easyorder" find_postgres
}

start_rabbitmq_by_packages() {
  if has apt-get || has dnf; then
    install_package rabbitmq-server rabbitmq-server
  elif has brew; then
    install_package rabbitmq-server rabbitmq
    brew services start rabbitmq 3>&-
    return
  else
    return 1
  fi
  # The package may have started it by itself.
  ! await_quietly 5 find_rabbitmq || return 0
  say "starting RabbitMQ"
  if has_systemd; then
    start_unit rabbitmq-server
  else
    # It keeps its output open as long as it runs, and has a log of its own.
    as_root /usr/sbin/rabbitmq-server -detached </dev/null >/dev/null 2>&1
  fi
}

# --- Waiting ---

await_quietly() {
  local seconds=$1
  shift
  for _ in $(seq $((seconds * 2))); do
    "$@" && return 0
    sleep 0.5
  done
  return 1
}

await() {
  local what=$1
  shift
  await_quietly 60 "$@" || die "$what did not come up within a minute"
}

# --- All of it ---

# What the user has set up is used as it is; it must only be there.
check_given() {
  local name=$1 address=$2 default_port=$3
  address=${address#*://}
  address=${address##*@}
  address=${address%%/*}
  case $address in *:*) ;; *) address=$address:$default_port ;; esac
  listens "${address%:*}" "${address##*:}" || die "$name names $address, where nothing listens"
  say "$name is set; using $address"
}

if [ -n "${ORDER_DATABASE_URL:-}" ]; then
  check_given ORDER_DATABASE_URL "$ORDER_DATABASE_URL" 5432
  [ -n "${EASYORDER_TEST_POSTGRES_URL:-}" ] ||
    set_variable EASYORDER_TEST_POSTGRES_URL "${ORDER_DATABASE_URL%/*}/postgres"
else
  find_postgres ||
    { start_by_compose postgres && await_quietly 30 find_postgres; } ||
    { start_postgres_by_packages && await_quietly 60 find_postgres; } ||
    die "no PostgreSQL: install Docker, or start one and set IDENTITY_, INVENTORY_, ORDER_ and WORKER_DATABASE_URL"
  print_postgres
fi

if [ -n "${AMQP_URL:-}" ]; then
  check_given AMQP_URL "$AMQP_URL" 5672
else
  find_rabbitmq ||
    { start_by_compose rabbitmq && await_quietly 60 find_rabbitmq; } ||
    { start_rabbitmq_by_packages && await_quietly 60 find_rabbitmq; } ||
    die "no RabbitMQ: install Docker, or start one and set AMQP_URL"
  print_rabbitmq
fi
