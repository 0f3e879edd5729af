# action.sh begin|peek|close KEY SERVICE [GENERATION]: the server's own memory of an action, so that an attempt
# knows what stood there before the first one. `begin` notes it once for each generation, `close` ends a
# generation. Prints the generation, and where it has begun, the word `begun`, or `failed` where its job ended with
# a code that is final, and the installation as noted: nothing where there is none, `empty` where its file is, as
# after a crash of the machine.
set -eu
umask 077
var=${PROVISIONING_SERVER_ROOT:-}/var/lib/provisioning
folder=$var/actions/$2
marker=$var/taskservs/$3/marker.json
mkdir -p "$folder"
cd "$folder"
exec 9>>lock
flock 9
generation=1
if [ -e generation ]; then generation=$(cat generation); fi
case $1 in
  begin)
    if [ ! -e "before.$generation" ]; then
      if [ -s "$marker" ]; then cat "$marker"; elif [ -e "$marker" ]; then echo empty; fi >before.new
      # Empty after a crash of the machine, it would say that nothing was there.
      sync before.new
      mv before.new "before.$generation"
    fi
    # Actions that no activity can still ask for.
    find "$var/actions" -mindepth 1 -maxdepth 1 -type d -mtime +15 -exec rm -rf {} + || :
    ;;
  close)
    if [ "$generation" = "$4" ]; then
      generation=$((generation + 1))
      echo "$generation" >generation.new
      mv generation.new generation
    fi
    ;;
esac
echo "$generation"
if [ -e "before.$generation" ]; then
  code=$(cat "$var/jobs/$2.$generation/code" 2>/dev/null || :)
  case $code in "" | 0 | 75) echo begun ;; *) echo failed ;; esac
  cat "before.$generation"
fi
