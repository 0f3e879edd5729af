# stop.sh JOB GRACE: the job never starts again; if it runs, its whole process group is ended, by TERM and
# after GRACE seconds by KILL. Returns when nothing of it is left.
umask 077
job=${PROVISIONING_SERVER_ROOT:-}/var/lib/provisioning/jobs/$1
mkdir -p "$job"
cd "$job" || exit 1
: >fence
running() { ! flock --nonblock lock true; }
# Not kill -0: it also finds zombies, which nothing can end and not every first process collects.
alive() { sed -n "s/.*) [^Z] [0-9]* $1 .*/&/p" /proc/[0-9]*/stat 2>/dev/null | grep -q .; }
# By name in the environment: a child that left the group, or outlived its leader. Servers that are folders of one
# machine see each other's processes, and a copy of a server has jobs of the same names.
strays() {
  local file
  grep -lzxF "PROVISIONING_JOB=$1" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
    [ -z "${PROVISIONING_SERVER_ROOT:-}" ] ||
      grep -qszxF "PROVISIONING_SERVER_ROOT=$PROVISIONING_SERVER_ROOT" "$file" || continue
    echo "${file//[^0-9]/}"
  done
}
# A launcher that passed the fence before it stood holds the lock, and the group's file is about to appear.
while running && [ ! -e group ]; do sleep 0.05; done
if running; then
  group=$(cat group)
  kill -TERM -- "-$group" 2>/dev/null
  for _ in $(seq $(($2 * 10))); do alive "$group" || break; sleep 0.1; done
  while alive "$group"; do kill -KILL -- "-$group" 2>/dev/null; sleep 0.05; done
fi
while pids=$(strays "$1") && [ -n "$pids" ]; do kill -KILL $pids 2>/dev/null; sleep 0.05; done
while running; do sleep 0.05; done
