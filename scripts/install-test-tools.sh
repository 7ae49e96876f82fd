#!/bin/sh
# Installs the programs that the tests start (Debian; on Ubuntu, whose Chromium is a snap, bring google-chrome and
# chromedriver along); does nothing where they are present. With the argument "bench" also what only the benchmarks need.
set -e
cd "$(dirname "$0")/.."

# versitygw, a real S3 server: for the tests of storage.
versitygw=v1.8.0
if ! command -v versitygw >/dev/null && [ ! -x .cache/bin/versitygw ]; then
	mkdir -p .cache/bin
	GOBIN="$PWD/.cache/bin" "${GO:-go}" install "github.com/versity/versitygw/cmd/versitygw@$versitygw"
fi

need=""
command -v redis-server >/dev/null || need="$need redis-server"
command -v ncdump >/dev/null || need="$need netcdf-bin"
command -v h5dump >/dev/null || need="$need hdf5-tools"
# Flower's pages in a browser: 200 MB, half a minute.
command -v chromium >/dev/null || command -v google-chrome >/dev/null || need="$need chromium"
command -v chromedriver >/dev/null || need="$need chromium-driver"
if [ "$1" = bench ]; then
	command -v gcc >/dev/null || need="$need gcc libc6-dev"
	[ -e /usr/include/libdeflate.h ] || need="$need libdeflate-dev"
fi
[ -z "$need" ] && exit 0
run=""
[ "$(id -u)" = 0 ] || run=sudo
$run apt-get update -q -o Acquire::Retries=3 >/dev/null
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -q --no-install-recommends -o Acquire::Retries=3 $need >/dev/null
