#!/bin/bash
# Asterisk lab in a chroot: no container engine, no systemd, Debian packages only.
#
#   lab.sh install 16|22     make the chroot (debootstrap) and put Asterisk in it
#   lab.sh start   16|22     render etc/*.in with this version's ports, start, wait until booted
#   lab.sh stop    16|22     stop it
#   lab.sh status  [16|22]   what is installed / running
#   lab.sh cli     16|22 CMD run one console command
#   lab.sh ports   16|22     print the ports as shell assignments
#   lab.sh remove  16|22     stop and delete the chroot
#
# Settings by environment (all optional):
#   LAB_HOME      where root/, run/ and traces/ live   (default: .lab/ of this checkout)
#   LAB_MIRROR    Debian mirror URI                (default: the first one in this machine's apt sources)
#   LAB_AMI_PORT LAB_HTTP_PORT LAB_SIP_PORT LAB_RTP_BASE LAB_TRUNK_PORT   (defaults below, per version)
#
# Everything listens on loopback only.  Needs root (chroot, mknod) and the package debootstrap.
set -euo pipefail
export LC_ALL=C
KIT=$(cd "$(dirname "$0")" && pwd)
LAB_HOME=${LAB_HOME:-$(cd "$KIT/../../.." && pwd)/.lab}

die() { echo "lab.sh: $*" >&2; exit 1; }

setup() {               # $1 = major version
  V=$1
  case $V in
    16) SUITE=bullseye OFF=100 EXTRA=asterisk-voicemail ;;
    22) SUITE=sid      OFF=0   EXTRA= ;;
    *)  die "version must be 16 or 22" ;;
  esac
  ROOT=$LAB_HOME/root/$V
  RUN=$LAB_HOME/run; PIDFILE=$RUN/$V.pid
  AMI_PORT=${LAB_AMI_PORT:-$((5038+OFF))}
  HTTP_PORT=${LAB_HTTP_PORT:-$((8088+OFF))}
  SIP_PORT=${LAB_SIP_PORT:-$((5060+OFF))}
  RTP_BASE=${LAB_RTP_BASE:-$((12000+OFF*10))}
  TRUNK_PORT=${LAB_TRUNK_PORT:-$((5080+OFF))}     # where the kit's fake carriers listen (127.0.0.2 and .3)
}

mirror() {              # the URI this machine's own apt uses (deb822 first, then one-line style)
  if [ -n "${LAB_MIRROR:-}" ]; then echo "$LAB_MIRROR"; return; fi
  local u
  u=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk 'tolower($1)=="uris:"{print $2; exit}')
  [ -n "$u" ] || u=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^https?:/){print $i; exit}}')
  [ -n "$u" ] || die "no mirror in the apt sources; set LAB_MIRROR"
  echo "$u"
}

alive() {               # the pid is there, is no zombie, and is ours (a pid may have been given to another process since)
  [ -s "$PIDFILE" ] && grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$(cat "$PIDFILE")/status" &&
    grep -qs '^Name:[[:space:]]*\(asterisk\|chroot\|lab.sh\|bash\)$' "/proc/$(cat "$PIDFILE")/status"
}
inroot() { chroot "$ROOT" /usr/bin/env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
cli() { chroot "$ROOT" /usr/sbin/asterisk -C /lab/etc/asterisk.conf -rx "$*"; }

do_install() {
  if [ -f "$ROOT/.lab-ok" ] && [ -x "$ROOT/usr/sbin/asterisk" ]; then
    echo "already installed: $(chroot "$ROOT" /usr/sbin/asterisk -V)"; return
  fi
  command -v debootstrap >/dev/null || die "debootstrap is missing (apt-get install debootstrap)"
  local m t0=$SECONDS; m=$(mirror)
  mkdir -p "$LAB_HOME/root" "$RUN"
  if [ ! -f "$ROOT/.lab-base" ]; then
    rm -rf "$ROOT"                                   # a half-made one is of no use
    debootstrap --variant=minbase "$SUITE" "$ROOT" "$m" >"$RUN/debootstrap-$V.log" 2>&1 ||
      die "debootstrap failed, see $RUN/debootstrap-$V.log"
    touch "$ROOT/.lab-base"
  fi
  echo "base system: $((SECONDS-t0)) s"
  # Packages must not start daemons in here.
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"; chmod 755 "$ROOT/usr/sbin/policy-rc.d"
  # A mirror that is a snapshot may carry an expired Release date; signatures are still verified.
  echo 'Acquire::Check-Valid-Until "false";' >"$ROOT/etc/apt/apt.conf.d/99lab"
  { inroot apt-get update &&
    inroot apt-get install -y --no-install-recommends asterisk asterisk-modules $EXTRA &&
    inroot apt-get clean; } >"$RUN/apt-$V.log" 2>&1 || die "apt failed, see $RUN/apt-$V.log"
  rm -rf "$ROOT"/var/lib/apt/lists/*
  local got; got=$(chroot "$ROOT" /usr/sbin/asterisk -V)
  case $got in "Asterisk $V."*) ;; *) echo "WARNING: suite $SUITE now has $got, wanted $V.x" >&2 ;; esac
  touch "$ROOT/.lab-ok"
  echo "installed: $got in $((SECONDS-t0)) s, $(du -sh "$ROOT" | cut -f1)"
}

render() {              # kit/etc/*.in -> chroot:/lab/etc, with the ports filled in
  local L=$ROOT/lab f n mod
  mod=$(cd "$ROOT" && find usr/lib -type d -path '*asterisk/modules' | head -1)
  mkdir -p "$L"/{etc,db,run,log/cdr-csv,log/cel-custom,spool/monitor,spool/voicemail,spool/tmp,moh}
  rm -f "$L"/etc/*
  for f in "$KIT"/etc/*.in; do
    n=$(basename "$f" .in)
    sed -e "s|@AMI_PORT@|$AMI_PORT|g" -e "s|@HTTP_PORT@|$HTTP_PORT|g" -e "s|@SIP_PORT@|$SIP_PORT|g" \
        -e "s|@RTP_START@|$RTP_BASE|g" -e "s|@RTP_END@|$((RTP_BASE+798))|g" \
        -e "s|@TRUNK_PORT@|$TRUNK_PORT|g" -e "s|@MODDIR@|/$mod|g" "$f" >"$L/etc/$n"
  done
  # phones 101-106 and 111-126 are alike: one stanza each from the template at the end of pjsip.conf
  local x
  for x in 101:Anna_Agent 102:Boris_Agent 103:Celia_Agent 104:Dan_Senior 105:Eva_Manager 106:Fred_Frontdesk \
           $(seq 111 126 | sed 's/.*/&:Desk_&/'); do
    sed -e "s|@EXT@|${x%%:*}|g" -e "s|@NAME@|$(echo "${x#*:}" | tr _ ' ')|g" "$KIT/etc/phone.tmpl" >>"$L/etc/pjsip.conf"
    echo "${x%%:*} => 1234,${x#*:}" | tr _ ' ' >>"$L/etc/voicemail.conf"
  done
  python3 - "$L/moh/hold.wav" <<'PY'
import math, struct, sys, wave
w = wave.open(sys.argv[1], "wb"); w.setparams((1, 2, 8000, 0, "NONE", "")) # 4 s of a soft tone as hold music
w.writeframes(b"".join(struct.pack("<h", int(2500*math.sin(2*math.pi*330*i/8000))) for i in range(32000))); w.close()
PY
  chroot "$ROOT" chown -R asterisk:asterisk /lab
}

do_start() {
  [ -f "$ROOT/.lab-ok" ] || die "not installed: lab.sh install $V"
  if alive; then echo "already running, pid $(cat "$PIDFILE")"; return; fi
  mkdir -p "$RUN"; render
  local t0; t0=$(date +%s.%N)
  chroot "$ROOT" /usr/sbin/asterisk -f -U asterisk -G asterisk -C /lab/etc/asterisk.conf \
      </dev/null >"$RUN/console-$V.log" 2>&1 &
  echo $! >"$PIDFILE"
  for _ in $(seq 150); do
    alive || die "Asterisk ended at once, see $RUN/console-$V.log and $ROOT/lab/log/messages"
    if cli core waitfullybooted 2>/dev/null | grep -q 'fully booted' &&
       (exec 3<>"/dev/tcp/127.0.0.1/$AMI_PORT") 2>/dev/null; then
      echo "running: pid $(cat "$PIDFILE"), AMI 127.0.0.1:$AMI_PORT, HTTP/ARI 127.0.0.1:$HTTP_PORT," \
           "SIP 127.0.0.1:$SIP_PORT, up after $(python3 -c "import time;print(round(time.time()-$t0,1))") s"
      return
    fi
    sleep 0.2
  done
  die "not up after 30 s, see $ROOT/lab/log/messages"
}

do_stop() {
  if ! alive; then rm -f "$PIDFILE"; echo "not running"; return; fi
  local p; p=$(cat "$PIDFILE")
  cli core stop now >/dev/null 2>&1 || true
  for _ in $(seq 50); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
  if kill -0 "$p" 2>/dev/null; then kill -9 "$p"; sleep 0.2; fi
  rm -f "$PIDFILE"; echo "stopped"
}

do_status() {
  local i=no r=no
  [ -f "$ROOT/.lab-ok" ] && i=$(chroot "$ROOT" /usr/sbin/asterisk -V)
  alive && r="pid $(cat "$PIDFILE")"
  echo "$V: installed=$i running=$r ami=$AMI_PORT http=$HTTP_PORT sip=$SIP_PORT"
}

verb=${1:-}; shift || true
case $verb in
  install|start|stop) setup "${1:-}"; "do_$verb" ;;
  status) for v in ${1:-16 22}; do setup "$v"; do_status; done ;;
  cli)    setup "${1:-}"; shift; cli "$@" ;;
  ports)  setup "${1:-}"; echo "AMI_PORT=$AMI_PORT HTTP_PORT=$HTTP_PORT SIP_PORT=$SIP_PORT RTP_BASE=$RTP_BASE" \
                               "TRUNK_PORT=$TRUNK_PORT ROOT=$ROOT" ;;
  remove) setup "${1:-}"; do_stop; rm -rf "$ROOT" ;;
  *) sed -n '2,18p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
