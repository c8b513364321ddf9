#!/usr/bin/env bash
# Makes stream.jsonl.gz: boots a Debian host with a disk of its own, upgrades a service to a version that leaks, and lets an export
# fill a small file system beside it.
#
#   make.sh FOLDER PROGRAM OUT [PACE]
#
# FOLDER: where the host is made (kept; about 2 GB). PROGRAM: the foreshadow to record with, beside its libduckdb.so. OUT: the
# recording. PACE: 1 (62 minutes, as recorded). Needs root, loop devices, mmdebstrap, systemd-container.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 program=$2 out=$3 pace=${4:-1}
tree=$folder/tree
minutes() { awk -v m="$1" -v p="$pace" 'BEGIN { print m * 60 * p }'; }
mkdir -p "$tree"

if [ ! -e "$folder/root.img" ]; then
    truncate -s 1500M "$folder/root.img"
    mkfs.ext4 -q -L root "$folder/root.img"
    mount -o loop "$folder/root.img" "$tree"
    if [ -d "$folder/base" ]; then
        cp -a "$folder/base/." "$tree/"
    else
        mmdebstrap --variant=minbase bookworm "$tree" \
            --include=systemd,systemd-sysv,dbus,procps,iproute2,sudo,cron,nginx-light,openssh-server
    fi
else
    mount -o loop "$folder/root.img" "$tree"
fi
rm -rf "$tree"/var/lib/foreshadow "$tree"/root/recording.jsonl.gz "$tree"/run/* "$tree"/var/log/journal/*
echo files-01 > "$tree/etc/hostname"
mkdir -p "$tree/etc/foreshadow" "$tree/usr/local/lib/foreshadow" "$tree/srv/exports" "$tree/srv/packages"
install "$program" "$tree/usr/local/lib/foreshadow/foreshadow"
strip "$tree/usr/local/lib/foreshadow/foreshadow"
cp "$(dirname "$program")/libduckdb.so" "$tree/usr/local/lib/foreshadow/"

# A disk of 192 MB for what is exported.
rm -f "$folder/exports.img"
truncate -s 192M "$folder/exports.img"
mkfs.ext4 -q -m 0 -L exports "$folder/exports.img"
mount -o loop "$folder/exports.img" "$tree/srv/exports"
dd if=/dev/urandom of="$tree/srv/exports/january.tar" bs=1M count=60 status=none

cat > "$tree/etc/foreshadow/config.toml" <<'TOML'
interval = "5s"
settings_interval = "30s"
[sources]
off = ["cpu", "disk", "hardware", "kernel", "load", "memory", "mount", "paging", "pressure", "storage", "sysctl"]
TOML

for version in 1.4 1.5; do
    made=$(mktemp -d)
    mkdir -p "$made/DEBIAN" "$made/usr/bin" "$made/lib/systemd/system" "$made/etc"
    sed "s/@VERSION@/$version/" "$here/thumbs.pl" > "$made/usr/bin/thumbs"
    chmod 755 "$made" "$made/usr/bin/thumbs"
    printf 'previews = 100\nsize = 320\nport = 8088\n' > "$made/etc/thumbs.conf"
    cat > "$made/lib/systemd/system/thumbs.service" <<'UNIT'
[Unit]
Description=Previews of pictures
[Service]
ExecStart=/usr/bin/thumbs
Restart=always
RestartSec=2
MemoryMax=160M
DynamicUser=yes
[Install]
WantedBy=multi-user.target
UNIT
    printf 'Package: thumbs\nVersion: %s\nArchitecture: all\nMaintainer: Files <files@example.org>\nDepends: perl-base\nDescription: previews of pictures\n' \
        "$version" > "$made/DEBIAN/control"
    printf '/etc/thumbs.conf\n' > "$made/DEBIAN/conffiles"
    printf '#!/bin/sh\nset -e\nsystemctl daemon-reload\nsystemctl restart thumbs\n' > "$made/DEBIAN/postinst"
    chmod 755 "$made/DEBIAN/postinst"
    dpkg-deb --root-owner-group -b "$made" "$tree/srv/packages/thumbs_${version}_all.deb" > /dev/null
    rm -rf "$made"
done

cat > "$tree/usr/local/bin/export-pictures" <<'SH'
#!/bin/sh
# Exports February, a picture after the other.
n=0
while :; do
    n=$((n + 1))
    head -c 400000 /dev/urandom > "/srv/exports/february-$(printf %05d $n).raw" || { echo "<3>export: no space left for picture $n"; sleep 25; }
    sleep 5
done
SH
chmod 755 "$tree/usr/local/bin/export-pictures"
cat > "$tree/etc/systemd/system/export-pictures.service" <<'UNIT'
[Unit]
Description=Export of last month's pictures
[Service]
ExecStart=/usr/local/bin/export-pictures
SyslogIdentifier=export
UNIT

# With the memory controller of cgroup v1, systemd may divide the container's part of it only when it is writable.
cat > "$tree/usr/local/sbin/boot.sh" <<'SH'
#!/bin/sh
if [ -d /sys/fs/cgroup/memory ]; then mount -o remount,bind,rw /sys/fs/cgroup/memory; fi
exec /lib/systemd/systemd
SH
chmod 755 "$tree/usr/local/sbin/boot.sh"
systemd-nspawn -q --register=no --keep-unit -D "$tree" --private-network --console=pipe --kill-signal=SIGRTMIN+3 \
    --setenv=container=systemd-nspawn /usr/local/sbin/boot.sh < /dev/null > "$folder/boot.log" 2>&1 &
nspawn=$!
sleep 8
init=$(pgrep -P "$nspawn" | head -1)
inside() { nsenter -t "$init" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
end() {
    inside systemctl poweroff || true
    wait "$nspawn" || true
    umount "$tree/srv/exports" "$tree" || true
}
trap end EXIT
inside hostname files-01

inside id ana > /dev/null 2>&1 || inside useradd -m -s /bin/bash ana
inside sh -c 'echo "ana ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/ana; chmod 440 /etc/sudoers.d/ana'
inside dpkg -i --force-downgrade /srv/packages/thumbs_1.4_all.deb
inside systemctl enable -q --now thumbs
sleep "$(minutes 3)"

# Minute 0: recording begins. 14: ana upgrades thumbs. 25: the export begins. 54: back to the old version. 57: room is made. 62: the end.
inside env XDG_CONFIG_HOME=/etc XDG_DATA_HOME=/var/lib LD_LIBRARY_PATH=/usr/local/lib/foreshadow \
    /usr/local/lib/foreshadow/foreshadow record /root/recording.jsonl.gz --for "$(minutes 62 | cut -d. -f1)s" < /dev/null &
recording=$!
as_ana() { inside runuser -u ana -- sudo "$@"; }
sleep "$(minutes 14)"
as_ana dpkg -i /srv/packages/thumbs_1.5_all.deb
sleep "$(minutes 11)"
as_ana systemctl start export-pictures
sleep "$(minutes 29)"
as_ana dpkg -i --force-downgrade /srv/packages/thumbs_1.4_all.deb
sleep "$(minutes 3)"
as_ana rm /srv/exports/january.tar
wait "$recording"
"$here/../clean.py" "$tree/root/recording.jsonl.gz" "$out" "thumbs|export-pictures"
