#!/bin/bash
# Stands in for systemctl where no systemd runs: starts and stops what a unit and its drop-ins say, one process each.
state=/run/standin-systemd
wants=/etc/systemd/system/multi-user.target.wants
mkdir -p $state "$wants"
# systemd starts its services itself: they hold nothing that whoever asks for them holds, such as its locks.
exec 8>&- 9>&-

words=() now=''
for word; do
  case $word in
    --now) now=1 ;;
    -*) ;;
    InvocationID) ;;
    *) words+=("$word") ;;
  esac
done
verb=${words[0]} unit=${words[1]:-}

path() {
  local folder
  for folder in /etc /usr/lib /lib; do
    if [ -e "$folder/systemd/system/$unit" ]; then echo "$folder/systemd/system/$unit"; return; fi
  done
  echo "Unit $unit not found." >&2
  return 1
}

# setting NAME: its last value; an empty one takes back those before it.
setting() { cat "$file" "/etc/systemd/system/$unit.d"/*.conf 2>/dev/null | sed -n "s/^$1=[-@:+!]*//p" | tail -n 1; }

alive() { [ -e "$state/$unit.pid" ] && kill -0 "$(cat "$state/$unit.pid")" 2>/dev/null; }

start() {
  alive && return
  local log
  log=$(setting StandardOutput)
  # shellcheck disable=SC2046 # a command line, as systemd splits it too
  setsid $(setting ExecStart) </dev/null >>"${log#append:}" 2>&1 &
  echo $! >"$state/$unit.pid"
  cat /proc/sys/kernel/random/uuid >"$state/$unit.id"
}

stop() {
  local signal
  signal=$(setting KillSignal)
  alive && kill -s "${signal:-TERM}" "$(cat "$state/$unit.pid")"
  while alive; do sleep 0.05; done
}

case $verb in
  daemon-reload | is-system-running) exit 0 ;;
  is-enabled)
    if [ ! -L "$wants/$unit" ]; then echo disabled; exit 1; fi
    echo enabled
    ;;
  is-active) alive ;;
  show) cat "$state/$unit.id" ;;
  disable)
    rm -f "$wants/$unit"
    if [ -n "$now" ] && file=$(path); then stop; fi
    ;;
  *)
    file=$(path) || exit 5
    case $verb in
      enable)
        ln -sf "$file" "$wants/$unit"
        if [ -n "$now" ]; then start; fi
        ;;
      start) start ;;
      stop) stop ;;
      *) echo "stand-in: unknown verb $verb" >&2; exit 1 ;;
    esac
    ;;
esac
