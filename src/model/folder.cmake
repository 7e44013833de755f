# The reader's protobuf classes, made from onnx/schema.proto into <build>/generated.
set(GENERATED ${PROJECT_BINARY_DIR}/generated)
set(GENERATED_STEM ${GENERATED}/model/onnx/schema.pb)
file(MAKE_DIRECTORY ${GENERATED})
add_custom_command(
    OUTPUT ${GENERATED_STEM}.cc ${GENERATED_STEM}.h
    COMMAND protobuf::protoc --cpp_out=${GENERATED} -I ${PROJECT_SOURCE_DIR}/src
            ${PROJECT_SOURCE_DIR}/src/model/onnx/schema.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/src/model/onnx/schema.proto
    VERBATIM)
set_source_files_properties(${GENERATED_STEM}.cc PROPERTIES COMPILE_OPTIONS "-w")
target_sources(smeaton_model PRIVATE ${GENERATED_STEM}.cc ${GENERATED_STEM}.h)
# The unit tests write files with the generated classes.
target_include_directories(smeaton_model SYSTEM PUBLIC ${GENERATED})
