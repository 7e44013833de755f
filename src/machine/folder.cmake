# Measuring loops mean something only when optimised, in debug and sanitizer builds too.
set_source_files_properties(
    ${PROJECT_SOURCE_DIR}/src/machine/probe/compute.cpp
    ${PROJECT_SOURCE_DIR}/src/machine/probe/memory.cpp
    PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all")
target_link_libraries(smeaton_machine PUBLIC Threads::Threads)

# machines/*.yaml travel inside the program.
file(GLOB MACHINE_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/machines/*.yaml)
list(SORT MACHINE_FILES)
set(MACHINE_ROWS "")
foreach(FILE ${MACHINE_FILES})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
    get_filename_component(MACHINE_NAME ${FILE} NAME_WE)
    file(READ ${FILE} MACHINE_TEXT)
    string(APPEND MACHINE_ROWS "    {\"${MACHINE_NAME}\", R\"yaml(${MACHINE_TEXT})yaml\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/machine/shipped_files.h
     CONTENT "// Made from machines/*.yaml by src/machine/folder.cmake.
struct ShippedFile {
    const char* name;
    const char* text;
};
constexpr ShippedFile kShippedFiles[] = {
@MACHINE_ROWS@};
" @ONLY)
target_include_directories(smeaton_machine SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/generated)
