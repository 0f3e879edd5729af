# invitation.sh SERVICE: prints what the task service here left for those that join it, if it did.
file=${PROVISIONING_SERVER_ROOT:-}/var/lib/provisioning/taskservs/$1/invitation
[ ! -e "$file" ] || cat "$file"
