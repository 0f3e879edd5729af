# launch.sh JOB RERUN SECONDS: starts the job whose files come as a tar on stdin within SECONDS, unless it runs, has
# ended, or was stopped. Prints started, running, ended or stopped. The job's lock is held from here until the job
# ends, without a gap, so of several that launch at once exactly one starts it, and "locked" always means "runs".
set -eu
umask 077
jobs=${PROVISIONING_SERVER_ROOT:-}/var/lib/provisioning/jobs
job=$jobs/$1
mkdir -p "$job"
cd "$job"
exec 9>>lock
# A client that stands still, or whose machine died, keeps the lock from nobody: its connection may stay for hours.
decline() { exec 9>&-; cat >/dev/null; echo "$1"; exit; }
flock --nonblock 9 || decline running
if [ -e fence ]; then decline stopped; fi
# Exit code 75 means "try again later", and no code means that the job was killed: both are run again. With
# RERUN=failed, so is a job that ended with any code but 0.
if [ -e code ]; then
  code=$(cat code)
  if [ "$code" = 0 ] || { [ "$code" != 75 ] && [ "$2" != failed ]; }; then decline ended; fi
fi

rm -rf files.new
mkdir files.new
timeout "$3" tar -x -f - -C files.new
# tar takes a stream that was cut between two members for a whole one.
if [ ! -e files.new/.complete ]; then echo "the files of job $1 arrived incomplete" >&2; exit 1; fi
rm -rf files
mv files.new files
rm -f code group
touch log
# The next run's first line is a line of its own, so that line numbers stay as they were.
if [ -s log ] && [ -n "$(tail -c 1 log)" ]; then echo >>log; fi
setsid bash files/.runner "$1" </dev/null >>log 2>&1 &
# Jobs that ended longer ago than any activity can still ask for them.
find "$jobs" -mindepth 1 -maxdepth 1 -type d -mtime +15 -exec sh -c '
  for old; do flock --nonblock "$old/lock" rm -rf "$old" || :; done' sh {} + </dev/null >/dev/null 2>&1 9>&- || :
echo started
