# The messages of CP-SAT, made from cp_sat.proto into <build>/generated.
set(GENERATED ${PROJECT_BINARY_DIR}/generated)
set(GENERATED_STEM ${GENERATED}/solver/cp_sat.pb)
file(MAKE_DIRECTORY ${GENERATED})
add_custom_command(
    OUTPUT ${GENERATED_STEM}.cc ${GENERATED_STEM}.h
    COMMAND protobuf::protoc --cpp_out=${GENERATED} -I ${PROJECT_SOURCE_DIR}/src
            ${PROJECT_SOURCE_DIR}/src/solver/cp_sat.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/src/solver/cp_sat.proto
    VERBATIM)
set_source_files_properties(${GENERATED_STEM}.cc PROPERTIES COMPILE_OPTIONS "-w")
target_sources(smeaton_solver PRIVATE ${GENERATED_STEM}.cc ${GENERATED_STEM}.h)
target_include_directories(smeaton_solver SYSTEM PRIVATE ${GENERATED})
