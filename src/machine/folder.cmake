# Measuring loops mean something only when optimised, in debug and sanitizer builds too; headers that were
# precompiled for a sanitizer are no good to them.
set_source_files_properties(
    ${PROJECT_SOURCE_DIR}/src/machine/probe/compute.cpp
    ${PROJECT_SOURCE_DIR}/src/machine/probe/memory.cpp
    ${PROJECT_SOURCE_DIR}/src/machine/probe/stream_tile.cpp
    PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all" SKIP_PRECOMPILE_HEADERS ON)
target_link_libraries(smeaton_machine PUBLIC Threads::Threads)

# machines/*.yaml and machines/devices/*.yaml travel inside the program.
function(smeaton_shipped_rows PATTERN RESULT)
    file(GLOB FILES CONFIGURE_DEPENDS ${PATTERN})
    list(SORT FILES)
    set(ROWS "")
    foreach(FILE ${FILES})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
        get_filename_component(NAME ${FILE} NAME_WLE)
        file(READ ${FILE} TEXT)
        string(APPEND ROWS "    {\"${NAME}\", R\"yaml(${TEXT})yaml\"},\n")
    endforeach()
    set(${RESULT} "${ROWS}" PARENT_SCOPE)
endfunction()
smeaton_shipped_rows(${PROJECT_SOURCE_DIR}/machines/*.yaml MACHINE_ROWS)
smeaton_shipped_rows(${PROJECT_SOURCE_DIR}/machines/devices/*.yaml DEVICE_ROWS)
smeaton_shipped_rows(${PROJECT_SOURCE_DIR}/machines/compare/*.yaml COMPARE_ROWS)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/machine/shipped_files.h
     CONTENT "// Made from machines/ by src/machine/folder.cmake.
struct ShippedFile {
    const char* name;
    const char* text;
};
constexpr ShippedFile kShippedFiles[] = {
@MACHINE_ROWS@};
constexpr ShippedFile kShippedDevices[] = {
@DEVICE_ROWS@};
constexpr ShippedFile kShippedCompare[] = {
@COMPARE_ROWS@};
" @ONLY)
target_include_directories(smeaton_machine SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/generated)
