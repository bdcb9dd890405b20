#!/bin/sh
# What is tested of several GPUs: NCCL against sums on the host, a rank that fails, and the whole of the CUDA tests once.
#
#     sh scripts/gpu/two-gpus.sh [--memcheck]
#
# --memcheck: the former alone, each under compute-sanitizer as well, which takes some minutes. Calls that fail are not reported: NCCL
# makes many that do, as asking for peer access that is there.
# Needs CMake, a CUDA toolkit, NCCL (WISHBONE_NCCL names a library that is in no usual place) and two GPUs.
set -eu
cd "$(dirname "$0")/../.."
build=build/two-gpus
cmake -S native-runner -B "$build" -DCMAKE_BUILD_TYPE=Release -DWISHBONE_TESTS=ON -DWISHBONE_CUDA=ON \
    -DWISHBONE_CUDA_ARCHITECTURES="${WISHBONE_CUDA_ARCHITECTURES:-90}"
cmake --build "$build" --parallel --target cuda-tests
"$build/test/cuda-tests" -tc="two GPUs*,an NCCL*" -d
if [ "${1:-}" = --memcheck ]; then
    exec compute-sanitizer --tool memcheck --report-api-errors no --error-exitcode 9 "$build/test/cuda-tests" -tc="two GPUs*" -d
fi
exec "$build/test/cuda-tests" -d
