#!/bin/sh
# Prepares a node whose Docker Engine runs engines for pods (docs/kubernetes.md): the engines' network, the directory of their
# states, and the way from pods of this node to engines and to nowhere else. Run as root, again after each start of the node or of
# its Docker Engine; everything is done once only.
#
#   engine-node.sh up PODS [ENGINES]     PODS: the addresses of this node's pods, 10.244.1.0/24; ENGINES: those of the engines
#   engine-node.sh down PODS [ENGINES]   takes the rules and the network away; the states stay
set -eu
what=${1:-} pods=${2:-} engines=${3:-172.30.0.0/20}
bridge=galaxy-engines network=${GALAXY_NETWORK:-galaxy-engines} states=${GALAXY_STATES:-/var/lib/galaxy/games}

# rule TABLE CHAIN RULE…: first in its chain, and there once.
rule() {
  table=$1 chain=$2; shift 2
  iptables -t "$table" -C "$chain" "$@" 2>/dev/null || iptables -t "$table" -I "$chain" "$@"
}
unrule() {
  table=$1 chain=$2; shift 2
  while iptables -t "$table" -D "$chain" "$@" 2>/dev/null; do :; done
}
rules() {
  # Docker lets nobody into an internal network, but asks this chain before.
  "$1" filter DOCKER-USER -s "$pods" -d "$engines" -o "$bridge" -p tcp --dport 8080 -j ACCEPT
  # Answers, and nothing that an engine begins.
  "$1" filter DOCKER-USER -i "$bridge" -d "$pods" -m conntrack --ctstate ESTABLISHED -j ACCEPT
  # Docker leaves the node itself open to them: its kubelet, and whatever else listens on all of its addresses.
  "$1" filter INPUT -i "$bridge" -m conntrack --ctstate NEW -j DROP
  # An internal network has no way out of itself: to the engine it is the node that asks.
  "$1" nat POSTROUTING -s "$pods" -d "$engines" -o "$bridge" -j MASQUERADE
}

if [ -z "$pods" ]; then what=; fi
case $what in
up)
  docker network inspect "$network" >/dev/null 2>&1 || docker network create --internal --subnet "$engines" \
    --opt com.docker.network.bridge.name="$bridge" "$network" >/dev/null
  # The engines' user, which is the controller's too (runAsUser).
  install -d -o 10001 -g 10001 -m 0700 "$states"
  rules rule
  ;;
down)
  rules unrule
  docker network rm "$network" >/dev/null 2>&1 || true
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
