# smeaton_folder(NAME MAY_USE folders... TESTS_USE folders... LIBS libraries...)
# makes src/NAME the static library smeaton_NAME and every src/NAME/**/*_test.cpp one test program, NAME_test;
# a slash in NAME becomes an underscore there (gir/text: smeaton_gir_text, gir_text_test). Folders below it that
# have a line of their own are not part of it.
# With SMEATON_FUZZ every *_fuzz.cpp becomes a libFuzzer program of its own name.
# A folder without sources yet is an interface library, so that the table in CMakeLists.txt can be whole.

add_library(smeaton_options INTERFACE)
option(SMEATON_WERROR "a warning is an error" ON)
# Where headers are precompiled, GCC 12 takes copies of short strings for accesses beyond their bounds.
target_compile_options(
    smeaton_options
    INTERFACE -Wall -Wextra
              $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>
              $<$<BOOL:${SMEATON_WERROR}>:-Werror>)
target_include_directories(smeaton_options INTERFACE ${PROJECT_SOURCE_DIR}/src)

# Precompiled headers go by their contents, what they define is let be; headers made a moment ago (CMake makes the list of
# those to be precompiled) are as good as others.
set(CCACHE_LETS_BE pch_defines,time_macros,include_file_mtime,include_file_ctime)
find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=${CCACHE_LETS_BE} ${CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

# All folders of the table in CMakeLists.txt, known before the first of them is made.
file(STRINGS ${PROJECT_SOURCE_DIR}/CMakeLists.txt SMEATON_FOLDERS REGEX "^smeaton_folder\\(")
list(TRANSFORM SMEATON_FOLDERS REPLACE "^smeaton_folder\\(([a-z_/]+).*" "\\1")

# The targets of folders: smeaton_gir_text for gir/text.
function(smeaton_targets OUT)
    string(REPLACE "/" "_" TARGETS "${ARGN}")
    list(TRANSFORM TARGETS PREPEND smeaton_)
    set(${OUT} ${TARGETS} PARENT_SCOPE)
endfunction()

function(smeaton_sources FOLDER OUT_SOURCES OUT_TESTS)
    file(GLOB_RECURSE ALL CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${FOLDER}/*.cpp)
    foreach(PART ${SMEATON_FOLDERS})
        if(PART MATCHES "^${FOLDER}/")
            list(FILTER ALL EXCLUDE REGEX "/src/${PART}/")
        endif()
    endforeach()
    set(TESTS ${ALL})
    list(FILTER TESTS INCLUDE REGEX "_test\\.cpp$")
    list(FILTER ALL EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
    set(${OUT_SOURCES} ${ALL} PARENT_SCOPE)
    set(${OUT_TESTS} ${TESTS} PARENT_SCOPE)
endfunction()

function(smeaton_folder FOLDER)
    cmake_parse_arguments(ARG "" "" "MAY_USE;TESTS_USE;LIBS" ${ARGN})
    smeaton_sources(${FOLDER} SOURCES TESTS)
    smeaton_targets(TARGET ${FOLDER})
    smeaton_targets(MAY_USE ${ARG_MAY_USE})
    smeaton_targets(TESTS_USE ${ARG_TESTS_USE})
    if(SOURCES)
        add_library(${TARGET} STATIC ${SOURCES})
        smeaton_precompile(${TARGET} library)
        target_link_libraries(${TARGET} PUBLIC smeaton_options ${MAY_USE} ${ARG_LIBS})
    else()
        add_library(${TARGET} INTERFACE)
        target_link_libraries(${TARGET} INTERFACE smeaton_options ${MAY_USE} ${ARG_LIBS})
    endif()
    if(EXISTS ${PROJECT_SOURCE_DIR}/src/${FOLDER}/folder.cmake)
        include(${PROJECT_SOURCE_DIR}/src/${FOLDER}/folder.cmake)
    endif()
    string(REPLACE "/" "_" NAME ${FOLDER})
    if(TESTS AND SMEATON_TESTS)
        add_executable(${NAME}_test ${TESTS})
        smeaton_precompile(${NAME}_test test)
        target_link_libraries(${NAME}_test PRIVATE ${TARGET} ${TESTS_USE} GTest::gtest GTest::gmock
                                                   GTest::gtest_main)
        target_compile_definitions(
            ${NAME}_test PRIVATE SMEATON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        add_test(NAME ${NAME} COMMAND ${NAME}_test)
    endif()
    if(SMEATON_FUZZ)
        file(GLOB_RECURSE FUZZERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${FOLDER}/*_fuzz.cpp)
        foreach(FUZZER ${FUZZERS})
            get_filename_component(FUZZER_NAME ${FUZZER} NAME_WE)
            add_executable(${FUZZER_NAME} ${FUZZER})
            target_link_libraries(${FUZZER_NAME} PRIVATE ${TARGET} -fsanitize=fuzzer)
        endforeach()
    endif()
endfunction()

# smeaton_program(FOLDER NAME program MAY_USE ... LIBS ...): src/FOLDER as a program in the build root.
function(smeaton_program FOLDER)
    cmake_parse_arguments(ARG "" "NAME" "MAY_USE;LIBS" ${ARGN})
    smeaton_sources(${FOLDER} SOURCES TESTS)
    smeaton_targets(MAY_USE ${ARG_MAY_USE})
    if(SOURCES)
        add_executable(${ARG_NAME} ${SOURCES})
        smeaton_precompile(${ARG_NAME} program)
        target_link_libraries(${ARG_NAME} PRIVATE smeaton_options ${MAY_USE} ${ARG_LIBS})
        set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    endif()
endfunction()
