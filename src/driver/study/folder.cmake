# onnx_runtime.py travels inside the program.
set(PEER_SCRIPT ${PROJECT_SOURCE_DIR}/src/driver/study/onnx_runtime.py)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PEER_SCRIPT})
file(READ ${PEER_SCRIPT} PEER_TEXT)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/driver/study/onnx_runtime_script.h
     CONTENT "// Made from src/driver/study/onnx_runtime.py by src/driver/study/folder.cmake.
constexpr const char* kOnnxRuntimeScript = R\"py(@PEER_TEXT@)py\";
" @ONLY)
target_include_directories(smeaton_driver_study SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(smeaton_driver_study PRIVATE SMEATON_VERSION="${PROJECT_VERSION}")
