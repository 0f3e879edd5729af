# Starting and stopping a service, with systemd where it runs and without it where it does not.

with_systemd() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

# service_define [--user USER] [--stop-signal NAME] COMMAND...: how the service is started, now and when the
# server boots, and how it is asked to end.
service_define() {
  local user='' signal=TERM
  if [ "$1" = --user ]; then user=$2; shift 2; fi
  if [ "$1" = --stop-signal ]; then signal=$2; shift 2; fi
  local command
  command=$(printf '%q ' "$@")
  [ -z "$user" ] || command="setpriv --reuid=$user --regid=$user --init-groups -- $command"
  mkdir -p "$DATA" "$(dirname "$LOG")"
  put "$CONF/run" 755 <<END || :
#!/bin/bash
# The $SERVICE task service, in the foreground.
export HOME=$(printf '%q' "$DATA")
cd "\$HOME" || exit 1
exec $command
END
  put "$CONF/stop-signal" <<<"$signal" || :
  if with_systemd; then
    put "/etc/systemd/system/$(unit)" <<END && systemctl daemon-reload
[Unit]
Description=Task service $SERVICE
After=network.target
[Service]
ExecStart=$CONF/run
StandardOutput=append:$LOG
StandardError=append:$LOG
KillSignal=SIG$signal
Restart=on-failure
[Install]
WantedBy=multi-user.target
END
    systemctl enable -q "$(unit)"
  else
    # A pid alone may be another process's by now: the time of its start tells them apart. A zombie has none.
    put "$BOOT" 755 <<END || :
#!/bin/bash
# Starts the task service $SERVICE unless it runs.
pidfile=$(printf '%q' "$PIDFILE")
since() { sed -n 's/.*) \([^Z].*\)/\1/p' "/proc/\$1/stat" | cut -d' ' -f20; }
if read -r pid start <"\$pidfile" && [ "\$(since "\$pid")" = "\$start" ]; then exit 0; fi 2>/dev/null
mkdir -p "\${pidfile%/*}" $(printf '%q' "${LOG%/*}")
rm -f "\$pidfile"
exec </dev/null >>$(printf '%q' "$LOG") 2>&1
export -f since
setsid bash -c 'echo "\$\$ \$(since \$\$)" >"\$0.new" && mv "\$0.new" "\$0"; exec "\$1"' \\
  "\$pidfile" $(printf '%q' "$CONF/run") &
while [ ! -s "\$pidfile" ] && kill -0 \$! 2>/dev/null; do sleep 0.02; done
END
  fi
}

# service_adopt UNIT [COMMAND...]: with systemd, a unit that a package brings is the service, with our command
# and our log. The rest of it, such as what becomes of its children when it stops, stays as its authors like.
service_adopt() {
  local unit=$1
  shift
  mkdir -p "$DATA" "$STATE" "$(dirname "$LOG")"
  if [ ! -e "$STATE/unit.before" ]; then
    (systemctl is-enabled "$unit" 2>/dev/null || :) | put "$STATE/unit.before" || :
  fi
  put "$CONF/unit" <<<"$unit" || :
  put "/etc/systemd/system/$unit.d/provisioning.conf" <<END && systemctl daemon-reload
[Service]
${*:+ExecStart=
ExecStart=$*}
StandardOutput=append:$LOG
StandardError=append:$LOG
END
  systemctl enable -q "$unit"
}

# unit: the systemd unit that is the service.
unit() { cat "$CONF/unit" 2>/dev/null || echo "provisioning-$SERVICE.service"; }

# unit_forget: a unit of ours is gone, and one that was the machine's own before is so again.
unit_forget() {
  local unit
  unit=$(unit)
  systemctl disable -q "$unit" 2>/dev/null || :
  rm -rf "/etc/systemd/system/provisioning-$SERVICE.service" "/etc/systemd/system/$unit.d/provisioning.conf"
  rmdir "/etc/systemd/system/$unit.d" 2>/dev/null || :
  systemctl daemon-reload
  if [ "$(cat "$STATE/unit.before" 2>/dev/null)" = enabled ]; then systemctl enable -q --now "$unit" || :; fi
}

# service_start: as defined; nothing where it runs already.
service_start() {
  if with_systemd; then systemctl start "$(unit)"; return; fi
  # Not with the environment, the locks and the process group of the job that starts it.
  env -i PATH="$PATH" HOME="${HOME:-/root}" LC_ALL=C.UTF-8 ${ROOT:+PROVISIONING_SERVER_ROOT="$ROOT"} \
    "$BOOT" 8>&- 9>&-
}

service_pid() {
  local pid start
  read -r pid start 2>/dev/null <"$PIDFILE" || return 1
  # A zombie has ended, and is only not collected yet.
  [ "$(sed -n 's/.*) \([^Z].*\)/\1/p' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ] || return 1
  echo "$pid"
}

service_running() {
  if with_systemd; then systemctl is-active -q "$(unit)"; else service_pid >/dev/null; fi
}

# service_instance: a word for this run of the service, another one for each; nothing where it does not run.
service_instance() {
  service_running || return 0
  if with_systemd; then systemctl show --value -p InvocationID "$(unit)"; else cat "$PIDFILE"; fi
}

# members GROUP: the live processes of a process group.
members() { sed -n "s/^\([0-9]*\) .*) [^Z] [0-9]* $1 .*/\1/p" /proc/[0-9]*/stat 2>/dev/null; }

# service_stop: by its signal, and after 20 seconds by KILL; its whole process group is gone then.
service_stop() {
  if with_systemd; then systemctl stop "$(unit)" 2>/dev/null || :; return; fi
  local pid
  pid=$(service_pid) || { rm -f "$PIDFILE"; return 0; }
  kill -s "$(cat "$CONF/stop-signal" 2>/dev/null || echo TERM)" "$pid" 2>/dev/null || :
  for _ in $(seq 400); do service_pid >/dev/null || break; sleep 0.05; done
  while [ -n "$(members "$pid")" ]; do kill -KILL -- "-$pid" 2>/dev/null || :; sleep 0.05; done
  rm -f "$PIDFILE"
}

service_restart() { service_stop; service_start; }

# service_forget: everything of the service but its programs: processes, settings, data, log.
service_forget() {
  service_stop
  ! with_systemd || unit_forget
  rm -f "$BOOT"
  rm -rf "$CONF" "$DATA" "$LOG"
}

# answers: whether the service runs and passes its health check, once.
answers() {
  service_running || return 1
  case $HEALTH in
    tcp) timeout 5 bash -c ': <"/dev/tcp/$1/$2"' - "$ADDRESS" "$PORT" 2>/dev/null || return 1 ;;
    http) timeout 5 bash -c '
        exec 3<>"/dev/tcp/$1/$2" || exit 1
        # In one write: printf makes one of each line, and a server that answers the first and closes breaks the
        # pipe under the others. The last line feed is the one that <<< appends, as $() takes it away.
        cat >&3 <<<"$(printf "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$3" "$1")"
        read -r _ status _ <&3 && [ "$status" -lt 400 ]' - "$ADDRESS" "$PORT" "$HEALTH_PATH" 2>/dev/null || return 1 ;;
    command) (set -eu; . files/service/health) >/dev/null 2>&1 8>&- || return 1 ;;
  esac
  # It may be somebody else who answers while this one, unable to take its port, is ending.
  service_running
}

# wait_until_answers: for START_TIMEOUT seconds, or until the service ends by itself.
wait_until_answers() {
  local deadline=$((SECONDS + START_TIMEOUT))
  until answers; do
    if [ $SECONDS -ge $deadline ]; then echo "$SERVICE does not answer on $ADDRESS:$PORT after $START_TIMEOUT s"; return 1; fi
    if ! service_running; then echo "$SERVICE ended by itself"; return 1; fi
    sleep 0.1
  done
}
