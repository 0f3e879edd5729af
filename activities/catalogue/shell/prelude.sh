# What the scripts of every service can use. In the environment: SERVICE, SERVER (its name), ADDRESS (where it
# listens), REACHED_AT (where it is reached), PARAM_* and the paths below.
# Exit codes: 75 try again later, 78 this server cannot have the service, any other but 0 is a failure.
ROOT=${PROVISIONING_SERVER_ROOT:-}
VAR=$ROOT/var/lib/provisioning
STATE=$VAR/taskservs/$SERVICE                # what is known of the installation
CONF=$ROOT/etc/provisioning/$SERVICE         # the service's settings
DATA=$ROOT/srv/$SERVICE                      # the service's data
PROGRAMS=$ROOT/opt/provisioning/$SERVICE     # programs that no package manager knows
LOG=$ROOT/var/log/provisioning/$SERVICE.log
PIDFILE=$ROOT/run/provisioning/$SERVICE.pid
BOOT=$ROOT/etc/provisioning/boot.d/$SERVICE
CACHE=$ROOT/var/cache/provisioning
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# Behind a NAT, the address at which a server is reached is not its own: it listens on the one that it has.
REACHED_AT=$ADDRESS
ADDRESS=$(ip -o route get "$REACHED_AT" 2>/dev/null | sed -n '/^local /d; s/.* src \([^ ]*\) .*/\1/p')
ADDRESS=${ADDRESS:-$REACHED_AT}

fail() { echo "$*" >&2; exit 1; }
try_later() { echo "$*" >&2; exit 75; }

# variant: the first of the service's variants that this server allows.
variant() {
  local kind
  for kind in $VARIANTS; do
    case $kind in
      debian) [ -z "$ROOT" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && { echo debian; return; } ;;
      wheels) [ -n "$ROOT" ] && command -v python3 >/dev/null && { echo wheels; return; } ;;
      plain) echo plain; return ;;
    esac
  done
  echo "$SERVICE cannot be installed here: it needs one of: $VARIANTS" >&2
  return 78
}

# put FILE [MODE]: writes stdin to FILE, whole even where the machine dies; succeeds where that changed something.
put() {
  mkdir -p "$(dirname "$1")"
  (umask 077 && cat >"$1.new")
  chmod "${2:-644}" "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; return 1; fi
  sync "$1.new"
  mv "$1.new" "$1"
}
