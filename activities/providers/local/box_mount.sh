# The first process of a box, in new mount, pid, uts and ipc namespaces: puts the box's file system together
# from the image and the server's own files, and becomes the box's init.
#
# The current directory is the server's folder. In the environment:
#
# IMAGE      the base image
# OPTIONS    further overlayfs options, with a leading comma
# PACKAGES   the package cache that all boxes share
# PROVISIONING_SERVER_NAME, PROVISIONING_SERVER_ADDRESS
set -eu

# /proc still is the host's: these are the numbers by which the host knows this process.
IFS=' ' read -r stat < /proc/self/stat
set -- $stat
echo "$1 ${22}" > process

mount -t overlay -o "nodev,lowerdir=$IMAGE,upperdir=$PWD/root,workdir=$PWD/work$OPTIONS" overlay mnt
cd mnt

mount -t proc -o nosuid,nodev,noexec proc proc
if [ -z "$OPTIONS" ]; then
  # This root is the machine's root: it must not reach the machine's own settings.
  for path in proc/sys proc/sysrq-trigger proc/irq proc/bus; do
    [ -e "$path" ] || continue
    mount --bind "$path" "$path"
    mount -o remount,bind,ro "$path"
  done
  for path in proc/kcore proc/timer_list proc/sched_debug; do
    [ ! -e "$path" ] || mount --bind /dev/null "$path"
  done
fi

mount -t tmpfs -o nosuid,mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  : > "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mkdir run/sshd
mkdir -m 1777 run/lock
mkdir -m 700 run/provisioning
cp ../seed/* run/provisioning/
mount --bind "$PACKAGES" var/cache/provisioning

[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf > etc/resolv.conf
echo "$PROVISIONING_SERVER_NAME" > etc/hostname
hostname "$PROVISIONING_SERVER_NAME"
printf '127.0.0.1 localhost\n%s %s\n' "$PROVISIONING_SERVER_ADDRESS" "$PROVISIONING_SERVER_NAME" > etc/hosts

pivot_root . mnt
cd /
umount -l /mnt
unset IMAGE OPTIONS PACKAGES
# What a container's root usually may, without making device files.
exec setpriv --inh-caps=-all --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,\
+setpcap,+net_bind_service,+net_raw,+sys_chroot,+setfcap,+audit_write \
  /bin/sh /run/provisioning/init
