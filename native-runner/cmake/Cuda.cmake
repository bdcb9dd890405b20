# Compiles the CUDA backend with nvcc. The language support of CMake is not used: it expects a toolkit laid out as
# NVIDIA's installer does, and one architecture list for all files of a target.
#
#   wishbone_find_cuda()                      sets WISHBONE_NVCC, makes the target wishbone-cudart
#   wishbone_compile_cuda(objects file.cu...) sets `objects` to the object files
#
# The toolkit (13.0 or newer) is NVIDIA's own, a distribution's, or the one from PyPI's wheels
# (`npm run build:cuda` fetches it), whose libraries lie in lib/ instead of lib64/.

set(WISHBONE_CUDA_TOOLKIT "" CACHE PATH "CUDA toolkit: the folder that holds bin/nvcc (default: searched for)")
# A cubin also runs on later cards of its major version: 100 stands for 10.3, 120 for 12.1.
set(WISHBONE_CUDA_ARCHITECTURES "80;86;89;90;100;120" CACHE STRING
    "Architectures of the portable CUDA files; a short list makes a quick build for one card, e.g. 90")
set(WISHBONE_CUDA_FLAGS "" CACHE STRING "More flags for nvcc, e.g. -lineinfo")

macro(wishbone_find_cuda)
    if(NOT WISHBONE_CUDA_TOOLKIT)
        find_program(WISHBONE_NVCC_FOUND nvcc
                     HINTS ENV CUDA_HOME ENV CUDA_PATH
                     PATHS /usr/local/cuda "${CMAKE_CURRENT_SOURCE_DIR}/../.cache/cuda/nvidia/cu13"
                     PATH_SUFFIXES bin)
        if(NOT WISHBONE_NVCC_FOUND)
            message(FATAL_ERROR "There is no CUDA toolkit (nvcc).\n"
                                "`npm run build:cuda` fetches one; or give one with -DWISHBONE_CUDA_TOOLKIT=/folder.")
        endif()
        # nvcc is a link in some distributions; the rest of the toolkit is beside what it points at.
        file(REAL_PATH "${WISHBONE_NVCC_FOUND}" WISHBONE_NVCC)
    else()
        file(REAL_PATH "${WISHBONE_CUDA_TOOLKIT}/bin/nvcc" WISHBONE_NVCC)
        if(NOT EXISTS "${WISHBONE_NVCC}")
            message(FATAL_ERROR "WISHBONE_CUDA_TOOLKIT=${WISHBONE_CUDA_TOOLKIT}: there is no bin/nvcc in it.")
        endif()
    endif()
    cmake_path(GET WISHBONE_NVCC PARENT_PATH nvcc_folder)
    cmake_path(GET nvcc_folder PARENT_PATH cuda_folder)

    execute_process(COMMAND "${WISHBONE_NVCC}" --version OUTPUT_VARIABLE nvcc_says RESULT_VARIABLE nvcc_failed)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" nvcc_release "${nvcc_says}")
    set(nvcc_release "${CMAKE_MATCH_1}")
    if(nvcc_failed OR nvcc_release VERSION_LESS 13.0)
        message(FATAL_ERROR "${WISHBONE_NVCC} is of CUDA ${nvcc_release}; 13.0 or newer is needed.")
    endif()

    set(cuda_targets "${cuda_folder}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux" "${cuda_folder}/targets/sbsa-linux")
    # NO_CACHE: another toolkit must not leave its parts behind.
    find_path(cuda_include cuda_runtime.h NO_CACHE HINTS "${cuda_folder}" ${cuda_targets} PATH_SUFFIXES include)
    find_path(cublas_include cublasLt.h NO_CACHE HINTS "${cuda_folder}" ${cuda_targets} PATH_SUFFIXES include)
    find_library(cudart libcudart_static.a NO_CACHE HINTS "${cuda_folder}" ${cuda_targets} PATH_SUFFIXES lib64 lib)
    foreach(part "cuda_include;cuda_runtime.h" "cublas_include;cublasLt.h" "cudart;libcudart_static.a")
        list(POP_FRONT part variable name)
        if(NOT ${variable})
            message(FATAL_ERROR "The CUDA toolkit in ${cuda_folder} has no ${part}${name}: it is not whole.")
        endif()
    endforeach()
    message(STATUS "CUDA: ${nvcc_release}, ${WISHBONE_NVCC}")

    add_library(wishbone-cudart INTERFACE)
    target_include_directories(wishbone-cudart SYSTEM INTERFACE "${cuda_include}" "${cublas_include}")
    # The static runtime loads the driver's library when it is first called: nothing of NVIDIA's is linked.
    target_link_libraries(wishbone-cudart INTERFACE "${cudart}" Threads::Threads ${CMAKE_DL_LIBS} rt)
    # cuBLASLt is loaded by name at run time: the toolkit that built the runner is one of the loader's places.
    cmake_path(GET cudart PARENT_PATH cuda_libraries)
    target_link_options(wishbone-cudart INTERFACE "-Wl,-rpath,${cuda_libraries}")
endmacro()

function(wishbone_compile_cuda objects)
    set(flags -std=c++20 -O3 "-I${CMAKE_CURRENT_SOURCE_DIR}/src" -DWISHBONE_CUDA -Xcompiler=-Wall,-Wextra
              # System headers, as in the C++ files: their warnings are not ours.
              "-isystem" "${cublas_include}" "-ccbin=${CMAKE_CXX_COMPILER}")
    separate_arguments(more UNIX_COMMAND "${WISHBONE_CUDA_FLAGS}")
    # The front end of the compiler takes longer than the assembler, and what 8.6 and 8.9 have beyond 8.0 (fp8) is not
    # used: the three share one pass of it and are assembled each for itself.
    set(ampere ${WISHBONE_CUDA_ARCHITECTURES})
    list(FILTER ampere INCLUDE REGEX "^8[0-9]$")
    set(portable "")
    if(ampere)
        list(TRANSFORM ampere PREPEND "sm_" OUTPUT_VARIABLE ampere_code)
        list(JOIN ampere_code "," ampere_code)
        set(portable "-gencode=arch=compute_80,code=[${ampere_code}]")
    endif()
    foreach(architecture IN LISTS WISHBONE_CUDA_ARCHITECTURES)
        if(NOT architecture IN_LIST ampere)
            list(APPEND portable "-gencode=arch=compute_${architecture},code=sm_${architecture}")
        endif()
    endforeach()
    if(NOT portable)
        message(FATAL_ERROR "WISHBONE_CUDA_ARCHITECTURES names no architecture.")
    endif()
    # The longest file decides when there are more cores than files; its architectures can be compiled side by side.
    cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
    if(cores GREATER_EQUAL 8)
        list(APPEND flags --threads=4)
    endif()
    set(all "")
    foreach(source IN LISTS ARGN)
        cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE name)
        # Hopper's own instructions (wgmma, setmaxnreg) are in the architecture-specific set only.
        if(name MATCHES "/sm90/")
            set(architectures "-gencode=arch=compute_90a,code=sm_90a")
        else()
            set(architectures ${portable})
        endif()
        set(object "${CMAKE_CURRENT_BINARY_DIR}/cuda/${name}.o")
        cmake_path(GET object PARENT_PATH folder)
        file(MAKE_DIRECTORY "${folder}")
        add_custom_command(
            OUTPUT "${object}"
            COMMAND "${WISHBONE_NVCC}" ${flags} ${architectures} ${more} -MD -MT "${object}" -MF "${object}.d"
                    -c "${source}" -o "${object}"
            DEPENDS "${source}" "${WISHBONE_NVCC}"
            DEPFILE "${object}.d"
            COMMENT "Compiling ${name} with nvcc"
            COMMAND_EXPAND_LISTS VERBATIM)
        list(APPEND all "${object}")
    endforeach()
    set_source_files_properties(${all} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    set(${objects} "${all}" PARENT_SCOPE)
endfunction()
