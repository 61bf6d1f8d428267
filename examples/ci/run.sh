#!/bin/sh
# Runs both clients against the replay. Fails if one fails, or with the exit code of the replay.
set -e
cd "$(dirname "$0")"
trap 'docker compose logs mesos-master; docker compose down' EXIT
docker compose up --build --detach --wait mesos-master
docker compose run --rm node-client
docker compose run --rm java-client
docker compose stop mesos-master
code=$(docker inspect --format '{{.State.ExitCode}}' "$(docker compose ps --all --quiet mesos-master)")
exit "$code"
