# Measuring loops mean something only when optimised, in debug and sanitizer builds too.
set_source_files_properties(
    ${PROJECT_SOURCE_DIR}/src/machine/probe/compute.cpp
    ${PROJECT_SOURCE_DIR}/src/machine/probe/memory.cpp
    PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all")
target_link_libraries(smeaton_machine PUBLIC Threads::Threads)
