# smeaton_precompile(TARGET KIND): TARGET's sources find the library headers that most of them include already parsed,
# which takes half of a source's time. KIND: library, program or test, since position-independent code of each
# kind needs headers of its own. A source still includes all that it uses: tools/tidy parses each by itself.
set(SMEATON_HEADERS <algorithm> <array> <charconv> <chrono> <cmath> <cstdint> <fstream> <functional> <map>
                    <memory> <numeric> <optional> <set> <sstream> <string> <string_view> <unordered_map> <utility>
                    <variant> <vector> <fmt/format.h> <fmt/ranges.h>)

file(WRITE ${PROJECT_BINARY_DIR}/precompiled.cpp "")

function(smeaton_precompiled KIND OPTION)
    set(CARRIER smeaton_precompiled_${KIND})
    add_library(${CARRIER} OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
    set_target_properties(${CARRIER} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${CARRIER} PRIVATE ${OPTION})
    target_link_libraries(${CARRIER} PRIVATE smeaton_options fmt::fmt)
    target_precompile_headers(${CARRIER} PRIVATE ${SMEATON_HEADERS})
endfunction()

smeaton_precompiled(library -fPIC)
smeaton_precompiled(program -fPIE)
if(SMEATON_TESTS)
    smeaton_precompiled(test -fPIE)
    target_link_libraries(smeaton_precompiled_test PRIVATE GTest::gtest GTest::gmock)
    target_precompile_headers(smeaton_precompiled_test PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

function(smeaton_precompile TARGET KIND)
    target_precompile_headers(${TARGET} REUSE_FROM smeaton_precompiled_${KIND})
endfunction()
