#!/usr/bin/env bash
# Makes stream.jsonl.gz: boots a Debian host with PostgreSQL behind HAProxy, drives a small load, and changes one setting.
#
#   make.sh FOLDER PROGRAM OUT [PACE]
#
# FOLDER: where the host's tree is made (kept; about 450 MB). PROGRAM: the foreshadow to record with, beside its libduckdb.so.
# OUT: the recording. PACE: 1 (66 minutes, as recorded); 0.1 tries the story in under seven. Needs root, mmdebstrap, systemd-container.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$1 program=$2 out=$3 pace=${4:-1}
minutes() { awk -v m="$1" -v p="$pace" 'BEGIN { print m * 60 * p }'; }

if [ ! -d "$tree/etc/haproxy" ]; then
    mmdebstrap --variant=minbase bookworm "$tree" \
        --include=systemd,systemd-sysv,dbus,procps,iproute2,sudo,cron,postgresql,haproxy,openssh-server
fi
rm -rf "$tree"/var/lib/foreshadow "$tree"/root/recording.jsonl.gz "$tree"/run/* "$tree"/var/log/journal/*
echo shop-db > "$tree/etc/hostname"
mkdir -p "$tree/etc/foreshadow" "$tree/usr/local/lib/foreshadow"
install "$program" "$tree/usr/local/lib/foreshadow/foreshadow"
strip "$tree/usr/local/lib/foreshadow/foreshadow"
cp "$(dirname "$program")/libduckdb.so" "$tree/usr/local/lib/foreshadow/"
install -m 755 "$here/orders.pl" "$tree/usr/local/bin/shop-orders"
install -m 644 "$here/haproxy.cfg" "$tree/etc/haproxy/haproxy.cfg"

# What belongs to this host alone: its services, its sockets, its files. The rest is the machine's that lends it its processor.
cat > "$tree/etc/foreshadow/config.toml" <<'TOML'
interval = "5s"
settings_interval = "30s"
[sources]
off = ["cpu", "disk", "fs", "fs-remote", "hardware", "kernel", "load", "memory", "mount", "paging", "pressure", "storage", "sysctl"]
TOML
cat > "$tree/etc/systemd/system/shop-orders.service" <<'UNIT'
[Unit]
Description=Orders of the shop
After=haproxy.service postgresql.service
[Service]
ExecStart=/usr/local/bin/shop-orders
Restart=always
User=nobody
UNIT
cat > "$tree/etc/systemd/system/shop-readers.service" <<'UNIT'
[Unit]
Description=Visitors of the shop, at a bounded rate
After=haproxy.service postgresql.service
[Service]
ExecStart=/usr/bin/pgbench --no-vacuum --select-only --client 4 --rate 12 --time 100000 -h 127.0.0.1 -p 6432 -U shop shop
Restart=always
RestartSec=10
User=nobody
UNIT

systemd-nspawn -q --register=no --keep-unit -D "$tree" --private-network --console=pipe -b < /dev/null > "$tree.log" 2>&1 &
nspawn=$!
sleep 8
init=$(pgrep -P "$nspawn" | head -1)
inside() { nsenter -t "$init" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
trap 'inside systemctl poweroff || true' EXIT
inside hostname shop-db

id() { inside id "$1" > /dev/null 2>&1; }
id ana || inside useradd -m -s /bin/bash ana
inside sh -c 'echo "ana ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/ana; chmod 440 /etc/sudoers.d/ana'
inside sh -c 'grep -q shop /etc/postgresql/15/main/pg_hba.conf || sed -i "1i host shop shop 127.0.0.1/32 trust" /etc/postgresql/15/main/pg_hba.conf'
inside sh -c 'cat > /etc/postgresql/15/main/conf.d/shop.conf <<CONF
log_destination = syslog
max_connections = 100
shared_buffers = 32MB
CONF'
inside systemctl restart postgresql@15-main haproxy
sleep 3
inside runuser -u postgres -- psql -q -c 'CREATE ROLE shop LOGIN' -c 'CREATE DATABASE shop OWNER shop' || true
inside runuser -u postgres -- psql -q shop -c 'CREATE TABLE IF NOT EXISTS orders (id bigserial, item int, at timestamptz default now())' \
    -c 'ALTER TABLE orders OWNER TO shop'
inside runuser -u postgres -- pgbench -q -i -s 1 shop
inside runuser -u postgres -- psql -q shop -c 'GRANT ALL ON ALL TABLES IN SCHEMA public TO shop' -c 'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shop'
inside systemctl daemon-reload
inside systemctl start shop-orders shop-readers
sleep "$(minutes 2)"

# Minute 0: recording begins. 40: ana lengthens two timeouts. 62: she takes it back. 67: the end.
inside env XDG_CONFIG_HOME=/etc XDG_DATA_HOME=/var/lib LD_LIBRARY_PATH=/usr/local/lib/foreshadow \
    /usr/local/lib/foreshadow/foreshadow record /root/recording.jsonl.gz --for "$(minutes 67 | cut -d. -f1)s" < /dev/null &
recording=$!
as_ana() { inside runuser -u ana -- sudo "$@"; }
sleep "$(minutes 40)"
as_ana sed -i -E 's/timeout (client|server) 60s/timeout \1 1h/' /etc/haproxy/haproxy.cfg
as_ana systemctl reload haproxy
sleep "$(minutes 22)"
as_ana sed -i -E 's/timeout (client|server) 1h/timeout \1 60s/' /etc/haproxy/haproxy.cfg
as_ana systemctl restart haproxy
wait "$recording"
"$here/../clean.py" "$tree/root/recording.jsonl.gz" "$out" "postgresql.*|haproxy|shop-.*"
