# Runs in the job's directory, as leader of its process group, with the job's lock on descriptor 9.
echo $$ >group.new && mv group.new group
set -a
. files/.environment
PROVISIONING_JOB=$1
set +a
# Without the lock: what the job leaves running must not look like the job.
bash files/main 9>&-
echo $? >code.new
mv code.new code
