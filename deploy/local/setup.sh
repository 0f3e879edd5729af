#!/usr/bin/env bash
# Sets up everything from nothing: a virtual environment with the locked dependencies, and the Debian
# packages that give local servers machines of their own. Quick when there is nothing to do.
# With the argument `environment` it is the virtual environment alone, with `command` its `provisioning` alone,
# and with `tests` there is also the browser that tests the control center.
set -euo pipefail
cd "$(dirname "$0")/../.."

UV_VERSION=0.13.9
STAMP=.venv/.synced

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a command as root, if that needs no password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# Installs Debian packages; fails without a word where that is not allowed.
install_packages() {
    command -v apt-get >/dev/null || return 1
    as_root true || return 1
    say "installing the Debian packages: $*"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@")
    as_root "${install[@]}" >/dev/null 2>&1 && return 0
    # A fresh machine has no package lists yet.
    as_root apt-get update -qq >&2 && as_root "${install[@]}" >/dev/null
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The first Python that is new enough.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    die "Python 3.11 or later is needed; set PYTHON to one"
}

make_environment() {
    local python version
    python=$(find_python)
    version=$("$python" -c 'import sys; print("python3.%d" % sys.version_info.minor)')
    say "making .venv with $python"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages "$version-venv" || install_packages python3-venv ||
            die "the package $version-venv is missing: run 'sudo apt-get install $version-venv'"
    fi
    "$python" -m venv --clear .venv
}

install_dependencies() {
    [ -x .venv/bin/python ] && is_new_enough .venv/bin/python || make_environment
    local wanted
    wanted=$(cat requirements.lock deploy/local/setup.sh | sha256sum)
    [ "$(cat $STAMP 2>/dev/null)" = "$wanted" ] && return
    say "installing the locked dependencies"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    local pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
    # Where uv does not reach the registry that pip is configured for, pip does it, with the same hashes.
    if ! { "${pip[@]}" install "uv==$UV_VERSION" &&
           .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock; }; then
        say "uv could not install them; trying pip"
        "${pip[@]}" install --require-hashes -r requirements.lock
    fi
    printf '%s\n' "$wanted" > $STAMP
}

# The command line as .venv/bin/provisioning. It runs from any folder, and always this checkout's code;
# an editable install would need a build tool that the lock does not hold.
install_command() {
    local draft
    draft=$(mktemp .venv/bin/.provisioning.XXXXXX)
    {
        printf '#!/usr/bin/env bash\nroot=%q\n' "$PWD"
        printf '%s\n' 'run="import sys; sys.path.insert(0, sys.argv.pop(1))' \
            'from api.cli.__main__ import main; sys.exit(main())"' \
            'exec "$root/.venv/bin/python" -I -c "$run" "$root" "$@"'
    } > "$draft"
    chmod 755 "$draft"
    mv -f "$draft" .venv/bin/provisioning
}

# Programs from Debian that nothing on PyPI replaces, as `program:package`.
install_programs() {
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    install_packages "${missing[@]}" || {
        say "the Debian packages ${missing[*]} may not be installed here; without mmdebstrap and uidmap" \
            "local servers run as plain processes, and without chromium the control center is not tested" \
            "(to have them: sudo apt-get install ${missing[*]})"
    }
}

# Local servers start from a base image, which is built once for all checkouts of this user.
build_image() {
    [ -e activities/providers/local/image.py ] || return 0
    command -v mmdebstrap >/dev/null || return 0
    .venv/bin/python -m activities.providers.local.image ||
        say "the base image could not be built; local servers run as plain processes"
}

exec 9<.
flock 9 # two of them at once would undo each other's work
[ "${1:-}" = command ] && { install_command; exit; }
install_dependencies
install_command
[ "${1:-}" = environment ] && exit
install_programs mmdebstrap:mmdebstrap newuidmap:uidmap ssh:openssh-client gpg:gnupg
[ "${1:-}" = tests ] && install_programs chromium:chromium
build_image
