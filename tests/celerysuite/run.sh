#!/bin/sh
# Runs Celery's own integration suite, taken from its source archive and left as it is, against the Go worker:
# `run.sh` all that concerns a worker on Redis, `run.sh PYTEST_ARGUMENT...` a part.
set -e
cd "$(dirname "$0")/../.."
root=$PWD
version=$(sed -n 's/^celery==//p' tests/requirements.txt)
cache=$root/.cache/celery-$version
suite=$cache/celery-$version
venv=$cache/venv # of its own: Celery's command line prints otherwise where pygments is installed
[ -d "$venv" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet -c tests/requirements.txt "celery==$version" redis -r tests/celerysuite/requirements.txt
if [ ! -d "$suite" ]; then
	"$venv/bin/pip" download --quiet --no-deps --no-binary celery -d "$cache" "celery==$version"
	tar -xzf "$cache/celery-$version.tar.gz" -C "$cache"
fi
logs=$(mktemp -d)
CGO_ENABLED=0 "${GO:-go}" build -o "$logs/worker" ./tests/celerysuite/worker
export SUITE_WORKER="$logs/worker" SUITE_LOGS="$logs" PYTHONPATH="$suite:$root/tests/celerysuite" PYTHONDONTWRITEBYTECODE=1
[ $# -gt 0 ] || set -- t/integration/test_canvas.py t/integration/test_tasks.py t/integration/test_inspect.py \
	t/integration/test_group_chains.py
cd "$suite"
"$venv/bin/python" -m pytest -p plugin -p celery.contrib.pytest -p no:cacheprovider -o addopts= -q -rfEs -n "${PARALLEL:-6}" --timeout 120 "$@" ||
	{ echo "the workers' logs are in $logs" >&2; exit 1; }
rm -r "$logs"
