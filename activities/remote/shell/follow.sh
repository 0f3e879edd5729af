# follow.sh JOB: prints the job's log from its beginning until the job ends, then on stderr the log's size in
# bytes and the exit code: a number, `none` where it was killed, `stopped` where it may not run again, `unborn`
# where it never began. tail may miss what is written just before the end: then there is less than that size.
job=${PROVISIONING_SERVER_ROOT:-}/var/lib/provisioning/jobs/$1
cd "$job" || exit 1
touch log
# The watcher lives as long as somebody holds the lock exclusively, and tail as long as the watcher.
flock --shared lock true &
tail -n +1 -s 0.1 -f --pid=$! log
stat -c %s log >&2
if [ -e code ]; then cat code >&2
elif [ -e fence ]; then echo stopped >&2
elif [ -e group ]; then echo none >&2
else echo unborn >&2
fi
