# Programs by packages: Debian's or PyPI's, and what was on the server before them.

# install_programs [VERSION]: the packages of the variant, however far an earlier attempt came; the first one in
# a version that begins so.
install_programs() {
  local kind first rest version=${1:-}
  kind=$(variant) || exit $?
  mkdir -p "$STATE"
  case $kind in
    debian) FIRST_VERSION=$version apt_install $DEBIAN_PACKAGES ;;
    wheels)
      read -r first rest <<<"$WHEELS_PACKAGES"
      wheels_install "${first%%==*}==${version:-${first##*==}}" $rest ;;
  esac
}

# remove_programs: packages and what they leave, except what was there before the service.
remove_programs() {
  [ ! -e "$STATE/packages.before" ] || apt_remove $DEBIAN_PACKAGES
  rm -rf "$PROGRAMS"
}

apt() { apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o DPkg::Options::=--force-unsafe-io \
  -o DPkg::Options::=--force-confold "${PATIENCE[@]}" "$@" 8>&-; }

installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^[ih]i *//p' | sort; }

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
  local package unit missing=
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == [ih]"i " ]] || missing=1
  done
  come_to_rest
  if [ -n "${FIRST_VERSION:-}" ]; then
    [[ $(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) == "$FIRST_VERSION"* ]] || missing=1
    [ -n "$missing" ] || return 0
    apt_bring --allow-downgrades "$1=$FIRST_VERSION*" "${@:2}"
  else
    [ -n "$missing" ] || return 0
    apt_bring "$@"
  fi
  if with_systemd; then
    # What the packages started by themselves listens where and as their authors like.
    for unit in $(dpkg -L "$@" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p'); do
      systemctl disable -q --now "$unit" || :
    done
  fi
}

# apt_bring PACKAGE...: the newest that the sources have.
apt_bring() {
  local archives=/var/cache/apt/archives output deb
  mkdir -p "$CACHE/debs"
  find "$CACHE/debs" -name '*.deb' -exec ln -sf -t "$archives" {} + || :
  if ! apt install --no-install-recommends "$@"; then
    output=$(mktemp)
    { apt update || :; apt install --no-install-recommends --fix-broken "$@"; } 2>&1 | tee "$output" ||
      give_up_on_sources "$output" "could not install $*"
    rm "$output"
  fi
  for deb in "$archives"/*.deb; do
    if [ -f "$deb" ] && [ ! -L "$deb" ]; then
      # By rename, so that servers that share the cache never see half a package.
      cp "$deb" "$CACHE/debs/.$HOSTNAME.$$" && mv "$CACHE/debs/.$HOSTNAME.$$" "$CACHE/debs/${deb##*/}" || :
    fi
    rm -f "$deb"
  done
}

ACCOUNT_TOOLS='user(add|mod|del)|group(add|mod|del|mems)|(ch)?g?passwd|ch(age|fn|sh)|newusers|vi(pw|gr)|(pw|grp)(ck|conv|unconv)'

# free_accounts: what useradd and its like left that died with an installation, locks among it. They themselves
# take a lock for held where its process number is anybody's by now.
free_accounts() {
  local accounts file pid
  for accounts in /etc/{passwd,shadow,group,gshadow,subuid,subgid}; do
    for file in "$accounts".lock "$accounts".[0-9]*; do
      [ -f "$file" ] || continue
      case $file in *.lock) pid=$(tr -d '\0' <"$file") ;; *) pid=${file##*.} ;; esac
      # What it was writing goes first: as long as its lock is there, nobody else writes there.
      grep -qsxE "$ACCOUNT_TOOLS" "/proc/$pid/comm" || rm -f "${file/%.lock/+}" "$file"
    done
  done
}

# come_to_rest: what was broken off goes on as far as it can.
come_to_rest() {
  local package deb
  free_accounts
  [ -n "$(dpkg --audit)" ] || return 0
  # A package that was half unpacked can be neither configured nor removed before it is unpacked whole.
  for package in $(dpkg-query -W -f '${db:Status-Eflag} ${Package}\n' | sed -n 's/^reinstreq //p'); do
    deb=$(find /var/cache/apt/archives "$CACHE/debs" -name "${package}_*.deb" | sort -V | tail -n 1)
    if [ -n "$deb" ]; then
      dpkg --unpack --force-unsafe-io --force-depends "$deb" 8>&-
    else
      dpkg --purge --force-remove-reinstreq --force-depends "$package" 8>&-
    fi
  done
  # What still lacks others stays as it is: it is to get them, or to go.
  dpkg --force-confold --configure -a 8>&- || :
}

apt_remove() {
  local package user ours unneeded
  come_to_rest
  ours=$(for package; do grep -qxF "$package" "$STATE/packages.before" || echo "$package"; done)
  # Also what is only needed by ours, but never what was there before them.
  unneeded=$(apt-get -s -q --fix-broken -o APT::AutoRemove::SuggestsImportant=0 -o APT::AutoRemove::RecommendsImportant=0 \
    purge --auto-remove $ours 2>/dev/null | sed -n 's/^Purg \([^ :]*\).*/\1/p' | sort -u |
    comm -23 - "$STATE/packages.before")
  # apt would compute the same set again, which takes it longer than dpkg takes to remove it.
  if [ -n "$unneeded" ]; then dpkg --purge --force-unsafe-io $unneeded 8>&-; fi
  while read -r user; do
    ! getent passwd "$user" >/dev/null || userdel "$user"
    ! getent group "$user" >/dev/null || groupdel "$user"
  done < <(cat "$STATE/users" 2>/dev/null)
  [ -z "$ours" ] || rm -rf $DEBIAN_LEFTOVERS
  # What deb-systemd-helper and dpkg were writing when an installation was broken off.
  grep -qsx dpkg /proc/[0-9]*/comm || rm -rf /var/lib/dpkg/tmp.ci
  rm -f /var/lib/systemd/deb-systemd-helper-*/.state*.tmp /var/lib/systemd/deb-systemd-helper-*/*/.state*.tmp
}

wheels_install() {
  local target=$PROGRAMS/wheels
  [ ! -e "$target/.complete" ] || [ "$(cat "$target/.complete")" != "$*" ] || return 0
  rm -rf "$target.new"
  mkdir -p "$target.new" "$CACHE"
  local python options=(--target "$target.new" --no-deps)
  python=$(command -v "${PROVISIONING_PYTHON:-python3}")
  if command -v uv >/dev/null; then
    UV_CACHE_DIR=${UV_CACHE_DIR:-$CACHE/uv} UV_LINK_MODE=copy uv pip install -q --python "$python" \
      "${options[@]}" "$@" 8>&- 2>"$STATE/wheels.log" || no_wheels "$*"
  else
    "$python" -c 'import pip' 2>/dev/null || python=$(command -v python3)
    "$python" -c 'import pip' 2>/dev/null || { echo "$SERVICE needs uv or pip" >&2; return 78; }
    "$python" -m pip install -q --disable-pip-version-check --cache-dir "$CACHE/pip" --no-compile \
      "${options[@]}" "$@" 8>&- 2>"$STATE/wheels.log" || no_wheels "$*"
  fi
  rm -f "$STATE/wheels.log"
  echo "$*" >"$target.new/.complete"
  rm -rf "$target"
  mv "$target.new" "$target"
}

# no_wheels WHAT: ends the script for the reason that the installer gave.
no_wheels() {
  cat "$STATE/wheels.log" >&2
  ! grep -q -e 'no version of' -e 'No matching distribution' "$STATE/wheels.log" || fail "there is no $1 for this server"
  try_later "wheels cannot be fetched for now: $1"
}
