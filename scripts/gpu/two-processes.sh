#!/bin/sh
# Two processes as two machines, on one host with two GPUs: NCCL over its sockets, losses against one process, and what happens when
# one of the two is killed or stopped.
#
#     sh scripts/gpu/two-processes.sh RUN_FOLDER_OR_TAR_GZ
#
# The run folder comes from scripts/gpu/run-folder.mjs, made where Node is; its model is made where run.json says. Needs CMake, a CUDA
# toolkit, NCCL (WISHBONE_NCCL names a library that is in no usual place), Python with torch and safetensors, and two GPUs. RUNNER
# names a runner that is built already.
set -eu
folder=$(realpath "$1")
cd "$(dirname "$0")/../.."
if [ -z "${RUNNER:-}" ]; then
    build=build/two-gpus
    cmake -S native-runner -B "$build" -DCMAKE_BUILD_TYPE=Release -DWISHBONE_TESTS=ON -DWISHBONE_CUDA=ON \
        -DWISHBONE_CUDA_ARCHITECTURES="${WISHBONE_CUDA_ARCHITECTURES:-90}"
    cmake --build "$build" --parallel --target wishbone-runner-cuda
    RUNNER=$build/wishbone-runner-cuda
fi
exec python3 scripts/gpu/two_processes.py --runner "$RUNNER" --folder "$folder"
