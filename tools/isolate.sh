#!/usr/bin/env bash
# Keeps the rest of the system off some cpus, as far as that goes without a reboot: interrupts, unbound
# kernel work, governor, huge pages, and a cgroup whose cpus the scheduler does not balance.
#   tools/isolate.sh 2-4            says what it would do
#   tools/isolate.sh 2-4 --apply    does it (as root)
# What needs the kernel's command line (nohz_full, rcu_nocbs) is in tools/README.md. Nothing here outlives
# a reboot. --root FOLDER works on a copy of /proc and /sys, for tests.
set -euo pipefail

usage() {
    echo "usage: tools/isolate.sh CPUS [--apply] [--root FOLDER]" >&2
    exit 2
}

cpus=
apply=no
root=
while [ $# -gt 0 ]; do
    case $1 in
        --apply) apply=yes ;;
        --root) [ $# -ge 2 ] || usage; root=$2; shift ;;
        [0-9]*) [ -z "$cpus" ] || usage; cpus=$1 ;;
        *) usage ;;
    esac
    shift
done
[[ $cpus =~ ^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$ ]] || usage

# "0-2,5" as one number a line.
expand() {
    local part
    for part in ${1//,/ }; do seq "${part%-*}" "${part#*-}"; done
}

# Writes $1 to the file $2, or says so. What the kernel refuses is told and passed over: some interrupts
# cannot be moved.
failed=0
write() {
    local file=$root$2
    [ -e "$file" ] || return 0
    if [ "$(cat "$file" 2>/dev/null)" = "$1" ]; then return 0; fi
    if [ "$apply" = no ]; then
        echo "would: echo $1 > $2"
    elif { echo "$1" >"$file"; } 2>/dev/null; then
        echo "done:  echo $1 > $2"
    else
        echo "refused: echo $1 > $2"
        failed=$((failed + 1))
    fi
}

online=$(expand "$(cat "$root/sys/devices/system/cpu/online")" | sort -n)
mine=$(expand "$cpus" | sort -n)
outside=$(comm -13 <(sort <<<"$online") <(sort <<<"$mine"))
if [ -n "$outside" ]; then
    echo "not online: ${outside//$'\n'/ }" >&2
    exit 2
fi
others=$(comm -23 <(sort <<<"$online") <(sort <<<"$mine") | sort -n | paste -sd, -)
if [ -z "$others" ]; then
    echo "every cpu was named: leave one for the rest of the system" >&2
    exit 2
fi

# A bit for each cpu, 32 to a group, groups from the highest down.
mask() {
    local groups=(0) cpu group
    for cpu in ${1//,/ }; do
        group=$((cpu / 32))
        while [ ${#groups[@]} -le $group ]; do groups+=(0); done
        groups[group]=$((groups[group] | 1 << (cpu % 32)))
    done
    local text
    text=$(printf '%x' "${groups[${#groups[@]} - 1]}")
    for ((group = ${#groups[@]} - 2; group >= 0; group--)); do
        text+=$(printf ',%08x' "${groups[group]}")
    done
    echo "$text"
}

for irq in "$root"/proc/irq/[0-9]*/; do
    write "$others" "/proc/irq/$(basename "$irq")/smp_affinity_list"
done
write "$(mask "$others")" /proc/irq/default_smp_affinity
write "$(mask "$others")" /sys/devices/virtual/workqueue/cpumask
for cpu in $mine; do
    write performance "/sys/devices/system/cpu/cpu$cpu/cpufreq/scaling_governor"
done
if ! grep -Eq '\[(madvise|never)\]' "$root/sys/kernel/mm/transparent_hugepage/enabled" 2>/dev/null; then
    write madvise /sys/kernel/mm/transparent_hugepage/enabled
fi
write 0 /proc/sys/kernel/nmi_watchdog
write 10 /proc/sys/vm/stat_interval

# cgroup v2: a partition of its own, whose cpus take no task but those put into it.
if [ -e "$root/sys/fs/cgroup/cgroup.controllers" ]; then
    group=/sys/fs/cgroup/evenkeel
    if [ -d "$root$group" ]; then
        write "$cpus" "$group/cpuset.cpus"
        write isolated "$group/cpuset.cpus.partition"
    elif [ "$apply" = no ]; then
        echo "would: mkdir $group, with cpuset.cpus $cpus and cpuset.cpus.partition isolated"
    else
        { echo +cpuset >"$root/sys/fs/cgroup/cgroup.subtree_control"; } 2>/dev/null || true
        mkdir "$root$group"
        write "$cpus" "$group/cpuset.cpus"
        write isolated "$group/cpuset.cpus.partition"
    fi
    echo "run the engine there: echo \$\$ > $group/cgroup.procs, then start it from that shell"
fi
if [ "$failed" -gt 0 ]; then echo "$failed refused; interrupts of one cpu or of a timer cannot be moved"; fi
