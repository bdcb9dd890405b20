# Finds what the runner is built from: OpenBLAS (static, OpenMP variant) and three header-only libraries.
# Each can be pointed at by hand: -DWISHBONE_OPENBLAS=/path/libopenblas.a, -DWISHBONE_HEADERS=/folder/with/headers.

set(WISHBONE_HEADERS "" CACHE PATH "Folder holding nlohmann/, CLI/ and doctest/ (default: the system's)")
set(WISHBONE_OPENBLAS "" CACHE FILEPATH "OpenBLAS static library (default: searched for)")

function(wishbone_missing what package)
    message(FATAL_ERROR "${what} is missing.\n"
                        "Install ${package}:  apt install ${package}\n"
                        "or see native-runner/cmake/Dependencies.cmake for how to point at another copy.")
endfunction()

add_library(wishbone-headers INTERFACE)
function(wishbone_find_header variable header package)
    find_path(${variable} ${header} HINTS "${WISHBONE_HEADERS}")
    if(NOT ${variable})
        wishbone_missing("The header ${header}" ${package})
    endif()
    target_include_directories(wishbone-headers SYSTEM INTERFACE "${${variable}}")
endfunction()

wishbone_find_header(WISHBONE_JSON_INCLUDE nlohmann/json.hpp nlohmann-json3-dev)
wishbone_find_header(WISHBONE_CLI11_INCLUDE CLI/CLI.hpp libcli11-dev)
if(WISHBONE_TESTS)
    wishbone_find_header(WISHBONE_DOCTEST_INCLUDE doctest/doctest.h doctest-dev)
endif()

# Our own thread pool calls OpenBLAS from each thread. The OpenMP variant can be told to stay within a calling thread;
# the pthread variant would fight the pool.
if(NOT WISHBONE_OPENBLAS)
    find_library(WISHBONE_OPENBLAS_FOUND NAMES libopenblas.a
                 PATHS /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu /usr/lib64 /usr/lib /usr/local/lib
                 PATH_SUFFIXES openblas-openmp)
    if(NOT WISHBONE_OPENBLAS_FOUND)
        wishbone_missing("OpenBLAS (static, OpenMP variant: libopenblas.a)" libopenblas-openmp-dev)
    endif()
    set(WISHBONE_OPENBLAS "${WISHBONE_OPENBLAS_FOUND}")
elseif(NOT EXISTS "${WISHBONE_OPENBLAS}")
    message(FATAL_ERROR "WISHBONE_OPENBLAS=${WISHBONE_OPENBLAS}: there is no such file.")
endif()
message(STATUS "OpenBLAS: ${WISHBONE_OPENBLAS}")

get_filename_component(openblas_folder "${WISHBONE_OPENBLAS}" DIRECTORY)
get_filename_component(openblas_variant "${openblas_folder}" NAME)
find_path(WISHBONE_CBLAS_INCLUDE cblas.h
          HINTS "${WISHBONE_HEADERS}" "${openblas_folder}"
          PATHS /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/${openblas_variant}
                /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu
          PATH_SUFFIXES openblas)
if(NOT WISHBONE_CBLAS_INCLUDE)
    wishbone_missing("The header cblas.h of OpenBLAS" libopenblas-openmp-dev)
endif()

find_package(Threads REQUIRED)
add_library(wishbone-openblas INTERFACE)
target_include_directories(wishbone-openblas SYSTEM INTERFACE "${WISHBONE_CBLAS_INCLUDE}")
target_link_libraries(wishbone-openblas INTERFACE "${WISHBONE_OPENBLAS}" Threads::Threads m)
