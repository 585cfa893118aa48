#!/usr/bin/env bash
# Fills the demo database with a synthetic practice:
#   ./generate.sh 500                           the number of patients is enough
#   ./generate.sh --patients 500 --seed 7 ...   every flag of `bicuspid generate`
# Settings come from .env_demo in the folder where it is called; it asks before it writes.
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1:-} in
'' | *[!0-9]*) ;;
*) set -- --patients "$@" ;;
esac
for bicuspid in "${BICUSPID:-}" "$home/bicuspid" "$home/target/release/bicuspid" "$(command -v bicuspid || true)"; do
    if [ -n "$bicuspid" ] && [ -x "$bicuspid" ]; then
        exec "$bicuspid" generate "$@"
    fi
done
if command -v cargo >/dev/null; then
    printf 'Building Bicuspid (the first time takes some minutes)\n' >&2
    exec cargo run --quiet --release --locked --manifest-path "$home/Cargo.toml" --package bicuspid -- generate "$@"
fi
printf 'error: there is no bicuspid and no cargo to build it\n  build it with ./demo, or put bicuspid into the PATH\n' >&2
exit 2
