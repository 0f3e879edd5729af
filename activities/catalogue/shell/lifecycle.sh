# What a task service's job does, by $TASK: install, remove, restart, undo and revive (of job $UNDOES).
# Beside it: before.json (what stood on the server when the action began, or nothing), after.json (what will),
# and the service's own files, among which `supervision` may define anew what supervision.sh defines.
# Further exit codes: 76 somebody else changed the service meanwhile, 77 other services need it.
set -u
umask 022
. files/prelude.sh
. files/sources.sh
. files/packages.sh
. files/supervision.sh
if [ -e files/service/supervision ]; then . files/service/supervision; fi
mkdir -p "$VAR/taskservs" "$VAR/touched"
marker=$STATE/marker.json
touched=$VAR/touched/$SERVICE

# One job of this kind at a time on a server: what it decides by stays true until it is done.
exec 8>>"$VAR/taskservs.lock"
flock --nonblock 8 || { echo "waiting for another task service's job on this server"; flock 8; }

script() {
  (set -eu -o pipefail; . "files/service/$1")
  local code=$?
  [ $code = 0 ] || { echo "the script '$1' of $SERVICE ended with exit code $code"; give_up $code; }
}

give_up() {
  if [ -s "$LOG" ] && [ "$1" != 75 ]; then echo "--- the last lines of $SERVICE's own log:"; tail -n 20 "$LOG"; fi
  exit "$1"
}

last_touch() { cat "$touched" 2>/dev/null; }
touch_as() { put "$touched" <<<"$1" || :; }
begin_to_touch() {
  # Which run of the service there was before this job, for whoever takes it back.
  [ -e instance ] || put instance < <(service_instance) || :
  touch_as "$PROVISIONING_JOB"
}
unchanged_since_before() { if [ -s files/before.json ]; then cmp -s files/before.json "$marker"; else [ ! -e "$marker" ]; fi; }
refuse_if_changed() {
  # A second run of this very job finds its own traces.
  if [ "$(last_touch)" != "$PROVISIONING_JOB" ] && ! unchanged_since_before; then
    echo "$SERVICE was changed by somebody else meanwhile"
    exit 76
  fi
}

bring_up() {
  script "$1"
  wait_until_answers || give_up 1
}

take_away() {
  script delete
  service_forget
  rm -rf "$STATE"
  rmdir "$ROOT"/{opt/provisioning,var/log/provisioning,run/provisioning} 2>/dev/null
  if [ -z "$(ls -A "$VAR/taskservs")" ] && [ -e "$VAR/made-policy-rc.d" ]; then
    rm -f "$ROOT/usr/sbin/policy-rc.d" "$VAR/made-policy-rc.d"
  fi
}

task_install() {
  variant >/dev/null || exit $?
  refuse_if_changed
  for required in $REQUIRES; do
    [ -e "$VAR/taskservs/$required/marker.json" ] || fail "$SERVICE needs $required, which is not installed"
  done
  if [ -s files/before.json ] && cmp -s files/before.json files/after.json; then
    if answers; then echo "$SERVICE is as wanted and answers"; return; fi
    echo "$SERVICE is as wanted but does not answer: bringing it up again"
  fi
  begin_to_touch
  if [ -s files/before.json ] && ! cmp -s files/before.json files/after.json; then bring_up configure; else bring_up create; fi
  put "$STATE/requires" < <(printf '%s\n' $REQUIRES) || :
  put "$marker" <files/after.json || :
}

task_remove() {
  refuse_if_changed
  local needing
  needing=$(cd "$VAR/taskservs" && grep -lx -- "$SERVICE" */requires 2>/dev/null | cut -d/ -f1 | tr '\n' ' ')
  if [ -n "$needing" ]; then echo "needed by: $needing"; exit 77; fi
  begin_to_touch
  take_away
}

task_undo() {
  if [ "$(last_touch)" != "$UNDOES" ]; then echo "nothing to bring back"; return; fi
  if [ -s files/before.json ]; then
    # What was started since runs with other settings, and `create` leaves alone what runs.
    [ "$(service_instance)" = "$(cat "$VAR/jobs/$UNDOES/instance" 2>/dev/null)" ] || service_stop
    bring_up create
    put "$STATE/requires" < <(printf '%s\n' $REQUIRES) || :
    put "$marker" <files/before.json || :
  else
    take_away
  fi
  touch_as "$PROVISIONING_JOB"
}

task_restart() {
  refuse_if_changed
  # A second run of this job, after it was killed, goes on with the first one and does not restart again.
  [ -e instance ] || put instance < <(service_instance)
  local now
  now=$(service_instance)
  if [ -n "$now" ] && [ "$now" != "$(cat instance)" ]; then
    echo "$SERVICE has been restarted already"
    wait_until_answers || give_up 1
  else
    bring_up restart
  fi
}

task_revive() {
  if [ ! -s files/before.json ] || ! unchanged_since_before; then echo "nothing to bring up again"; return; fi
  if answers; then echo "$SERVICE answers"; return; fi
  bring_up create
}

"task_$TASK"
