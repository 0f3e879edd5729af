# answering.sh ADDRESS PORT...: prints those of the ports that take a connection there. Changes nothing.
# Behind a NAT, services listen on the server's own address, as the prelude of the catalogue's scripts says.
set -u
address=$(ip -o route get "$1" 2>/dev/null | sed -n '/^local /d; s/.* src \([^ ]*\) .*/\1/p')
address=${address:-$1}
shift
for port; do
  (timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null && echo "$port") &
done
wait
