#!/bin/sh
# compute-sanitizer's racecheck over the kernels of the CUDA tests; arguments are doctest's:
#
#     sh scripts/gpu/racecheck.sh [-tc='cuda*attention*']
#
# Without the case that measures the rate of matrix products, which plain ones do not have.
#
# Needs CMake, a CUDA toolkit and a Hopper GPU. Built for it alone, in build/racecheck: on barriers every lane arrives
# (primitives/sm90/barriers.cuh says why), and matrix products are plain ones, as cuBLAS's own kernels do not survive racecheck of CUDA 13.0.
set -eu
cd "$(dirname "$0")/../.."
build=build/racecheck
cmake -S native-runner -B "$build" -DCMAKE_BUILD_TYPE=Release -DWISHBONE_TESTS=ON -DWISHBONE_CUDA=ON \
    -DWISHBONE_CUDA_ARCHITECTURES=90 -DWISHBONE_CUDA_FLAGS=-DWISHBONE_RACECHECK
cmake --build "$build" --parallel --target cuda-tests plain-cublaslt
WISHBONE_CUBLASLT="$PWD/$build/test/libplain-cublaslt.so" exec compute-sanitizer --tool racecheck \
    --kernel-name kns=wishbone "$build/test/cuda-tests" -tc="cuda*" -tce="*measured ceiling*" "$@"
