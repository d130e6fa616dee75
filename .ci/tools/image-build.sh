#!/usr/bin/env bash
# Does what the first stage of the Dockerfile says in an empty directory, without Docker: only the files that it copies
# are there. The service that comes out is started once.
#
#   .ci/tools/image-build.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"

while read -r instruction arguments; do
  case $instruction in
    COPY)
      read -ra names <<<"$arguments"
      target=$work/source/${names[-1]}
      for name in "${names[@]:0:${#names[@]}-1}"; do
        if [[ -d $name ]]; then
          mkdir -p "$target"
          git ls-files -z "$name" | tar -c --null -T - | tar -x -C "$work/source"
        else
          mkdir -p "$target"
          cp "$name" "$target"
        fi
      done
      ;;
    RUN) (cd "$work/source" && bash -c "${arguments//\/gatehouse/$work/gatehouse}") ;;
    FROM | WORKDIR | '' | \#*) ;;
    *) echo "The first stage has an instruction that is not known here: $instruction" >&2; exit 1 ;;
  esac
done < <(sed '/^FROM .* AS build/,/^FROM /!d; /^FROM /d' Dockerfile)

node "$work/gatehouse/server/dist/operate.js" --help >/dev/null
echo 'the first stage of the image builds from the files that it copies'
