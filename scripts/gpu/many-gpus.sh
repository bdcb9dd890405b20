#!/bin/sh
# Scaling on the GPUs of one host, checked and timed in one call of about ten minutes; more than two GPUs take two (PARTS="1b peers
# resume processes", then PARTS="8b curves tests"):
#
#     sh scripts/gpu/many-gpus.sh PACK.tar.xz [GPUS]
#
# PACK comes from many-gpus.mjs, where Node is; GPUS is 8 unless given, at least 2. In turn, each with a limit: pairs/s of each case on
# 1, 2, 4 … GPUS (the 8B on 1 and all) with exposed communication, slowest rank and memory, and FSDP2 beside it on 1 and all
# (several_gpus.py); a checkpoint of all
# resumed on half; two processes with half of them each; where CURVES names the folder of three plans (curves.py), 200 steps and more on all
# against one; the tests of several GPUs. OUT: a folder for what is measured; PARTS: names of what is wanted; MOST: seconds for all of it (570).
# RUNNER and TESTS name programs that are built already; else this needs CMake and a CUDA toolkit. Needs NCCL, and Python with torch and
# safetensors. Leave NCCL's variables as they are.
set -eu
pack=$(realpath "$1")
gpus=${2:-8}
half=$((gpus / 2))
counts=1
at=2
while [ "$at" -le "$gpus" ]; do counts=$counts,$at at=$((at * 2)); done
cd "$(dirname "$0")/../.."
out=${OUT:-/tmp/many-gpus}
mkdir -p "$out"
if [ -z "${RUNNER:-}" ] || [ -z "${TESTS:-}" ]; then
    build=build/two-gpus
    cmake -S native-runner -B "$build" -DCMAKE_BUILD_TYPE=Release -DWISHBONE_TESTS=ON -DWISHBONE_CUDA=ON \
        -DWISHBONE_CUDA_ARCHITECTURES="${WISHBONE_CUDA_ARCHITECTURES:-90}"
    cmake --build "$build" --parallel --target wishbone-runner-cuda cuda-tests
    RUNNER=$build/wishbone-runner-cuda TESTS=$build/test/cuda-tests
fi
folders=$out/folders
mkdir -p "$folders"
tar xJf "$pack" -C "$folders"

failed=
begin=$(date +%s)
part() { # a limit in seconds, a name, a command
    limit=$1 name=$2
    shift 2
    case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
    left=$((begin + ${MOST:-570} - $(date +%s)))
    [ "$left" -ge 10 ] || { failed="$failed $name" && return; }
    echo "== $name, $(date +%T)"
    timeout -k 5 $((limit < left ? limit : left)) "$@" > "$out/$name.txt" 2>&1 || failed="$failed $name"
    tail -n "${LINES_SHOWN:-25}" "$out/$name.txt"
}
several="python3 scripts/gpu/several_gpus.py --runner $RUNNER --folders $folders/cases --out $out/several.jsonl"
part 230 1b $several --devices "$counts" --cases 1b-1,1b-1-optimizer,1b-4
part 330 8b $several --devices "1,$gpus" --cases 8b-2,8b-2-parameters,8b-lora
part 230 peers $several --devices "1,$gpus" --cases 1b-1,1b-4,8b-2 --peer-alone
part 60 resume python3 scripts/gpu/resume_elsewhere.py --runner "$RUNNER" --folder "$folders/resume" --shape tiny \
    --devices "$gpus" --then "$half"
part 110 processes python3 scripts/gpu/two_processes.py --runner "$RUNNER" --folder "$folders/processes" --gpus-each "$half"
[ -z "${CURVES:-}" ] || part 90 curves python3 scripts/gpu/curves.py --runner "$RUNNER" --devices "$gpus" \
    "$CURVES/curves-naive.safetensors" "$CURVES/curves-shared.safetensors" "$CURVES/curves-other.safetensors"
part 180 tests "$TESTS" -tc="two GPUs*,four GPUs*,an NCCL*" -d
[ -z "$failed" ] || { echo "failed or cut short:$failed"; exit 1; }
