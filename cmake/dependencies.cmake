# Libraries from the system; docs/dependencies.md says why each is there.
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
if(SMEATON_TESTS)
    find_package(GTest REQUIRED)
endif()

# What programs (not libraries that others load, such as the Python module) take memory from: rewrites make and drop
# many small pieces. Linked in whole, so that nothing is needed to run; sanitizers bring their own.
add_library(smeaton_allocator INTERFACE)
if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    find_library(SMEATON_JEMALLOC libjemalloc_pic.a REQUIRED)
    target_link_libraries(smeaton_allocator INTERFACE ${SMEATON_JEMALLOC})
endif()
