# Package sources: which one cannot be used from this server and why, after seconds and not minutes of retries.

# How often a source is tried again, and how many seconds it may take to answer.
PATIENCE=(-o Acquire::Retries=2 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10)

# blame_sources FILE: each source of which apt says in FILE that it cannot be used, with a reason in plain words
# and in apt's own. Fails where there is none.
blame_sources() {
  local url words source why
  sed -n -e 's/^[WE]: Failed to fetch \([^ ]*\)  *\(.*\)$/\1 \2/p' \
    -e 's|^[WE]: GPG error: \([^ ]*[^ /]\)/* [^:]*: \(.*\)$|\1/ \2|p' "$1" |
    while read -r url words; do
      source=${url%%/dists/*}
      source=${source%%/pool/*}
      [ "$source" != "$url" ] || source=${url%/*}
      case $words in
        *resolv*) why="its name cannot be resolved" ;;
        *refused*) why="connection refused" ;;
        *"imed out"* | *"imeout"*) why="it does not answer in time" ;;
        *nreachable*) why="there is no way to it" ;;
        404* | *"404 "*) why="404, it does not have that" ;;
        401* | 403* | 407*) why="it does not let this server in" ;;
        *ertificate* | *TLS* | *SSL*) why="no trusted connection to it" ;;
        *ignature* | *NO_PUBKEY*) why="its signature does not hold" ;;
        *) why="it failed" ;;
      esac
      echo "package source $source cannot be used from this server: $why ($words)"
    done | sort -u | grep .
}

# give_up_on_sources FILE WHAT: ends the script for the reason that apt's words in FILE give.
give_up_on_sources() {
  if grep -qE '  50[0-9] |Hash Sum mismatch|unexpected size|Could not get lock|is held by process' "$1"; then
    blame_sources "$1" || :
    try_later "$2, for now"
  fi
  blame_sources "$1" || :
  fail "$2"
}

# fetch URL FILE [SHA256]: by the means of apt, which know the server's proxy.
fetch() {
  local output
  output=$(mktemp)
  /usr/lib/apt/apt-helper "${PATIENCE[@]}" download-file "$1" "$2" ${3:+"SHA256:$3"} 2>&1 | tee "$output" ||
    give_up_on_sources "$output" "could not fetch $1"
  rm "$output"
}

# reach URL: goes on where what is behind it answers, whatever it says.
reach() {
  local output answer
  output=$(mktemp)
  answer=$(mktemp)
  /usr/lib/apt/apt-helper "${PATIENCE[@]}" download-file "$1" "$answer" >"$output" 2>&1 ||
    grep -q '^E: Failed to fetch .*  4[0-9][0-9] ' "$output" || give_up_on_sources "$output" "could not reach $1"
  rm "$output" "$answer"
}

# reach_registry NAME: goes on where a registry of images answers. One on the machine itself speaks no TLS.
reach_registry() {
  case $1 in
    localhost* | 127.*) reach "http://${1%%/*}/v2/" ;;
    *) reach "https://${1%%/*}/v2/" ;;
  esac
}

SOURCE_LIST=/etc/apt/sources.list.d/provisioning-$SERVICE.sources
SOURCE_KEY=/etc/apt/keyrings/provisioning-$SERVICE.asc

# apt_source URL: packages come from this repository too, which has all files in one folder, and there its key.
apt_source() {
  [ "$(cat "$STATE/source" 2>/dev/null)" != "$1" ] || return 0
  local output
  mkdir -p "$STATE" "$(dirname "$SOURCE_KEY")"
  fetch "$1/Release.key" "$STATE/Release.key"
  put "$SOURCE_KEY" <"$STATE/Release.key" || :
  rm "$STATE/Release.key"
  printf 'Types: deb\nURIs: %s/\nSuites: /\nSigned-By: %s\n' "$1" "$SOURCE_KEY" | put "$SOURCE_LIST" || :
  output=$(mktemp)
  apt update --error-on=any -o Dir::Etc::sourcelist="$SOURCE_LIST" -o Dir::Etc::sourceparts=- \
    -o APT::Get::List-Cleanup=0 2>&1 | tee "$output" || give_up_on_sources "$output" "could not read $1"
  rm "$output"
  put "$STATE/source" <<<"$1" || :
}

apt_source_forget() { rm -f "$SOURCE_LIST" "$SOURCE_KEY"; }
