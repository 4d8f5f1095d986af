# How a folder becomes a library, a program or a test: by its name, so that adding a file adds no line.

# floor(NAME DEPENDENCY...): every NAME/*.c except main.c, as the static library sealift_NAME. A
# dependency without "::" is another floor.
function(floor name)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    if(NOT sources)
        add_library(sealift_${name} INTERFACE)
        set(kind INTERFACE)
    else()
        add_library(sealift_${name} STATIC ${sources})
        set(kind PUBLIC)
    endif()
    foreach(dependency ${ARGN})
        if(dependency MATCHES "::")
            target_link_libraries(sealift_${name} ${kind} ${dependency})
        else()
            target_link_libraries(sealift_${name} ${kind} sealift_${dependency})
        endif()
    endforeach()
endfunction()

# generate_protobuf(NAME...): proto/NAME.proto -> NAME.pb-c.{c,h}, compiled into sealift_proto only.
function(generate_protobuf)
    get_target_property(type sealift_proto TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        return()
    endif()
    find_program(PROTOC_C protoc-c REQUIRED)
    set(out ${CMAKE_BINARY_DIR}/generated)
    file(MAKE_DIRECTORY ${out}/proto)
    foreach(name ${ARGN})
        add_custom_command(
            OUTPUT ${out}/proto/${name}.pb-c.c ${out}/proto/${name}.pb-c.h
            COMMAND ${PROTOC_C} --c_out=${out} -I${CMAKE_SOURCE_DIR} proto/${name}.proto
            WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
            DEPENDS ${CMAKE_SOURCE_DIR}/proto/${name}.proto)
        target_sources(sealift_proto PRIVATE ${out}/proto/${name}.pb-c.c)
        set_source_files_properties(${out}/proto/${name}.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")
    endforeach()
    target_include_directories(sealift_proto SYSTEM PRIVATE ${out})
endfunction()

# program(NAME MAIN FLOOR...): one front door, if its source is there.
function(program name main)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${main})
        add_executable(${name} ${CMAKE_SOURCE_DIR}/${main})
        foreach(floor ${ARGN})
            target_link_libraries(${name} PRIVATE sealift_${floor})
        endforeach()
        install(TARGETS ${name} RUNTIME)
    endif()
endfunction()

# program_of_folder(NAME FOLDER FLOOR...): all of FOLDER/*.c, if FOLDER/main.c is there. The sources
# but main.c are the library sealift_FOLDER, so that tests reach them.
function(program_of_folder name folder)
    floor(${folder} ${ARGN})
    program(${name} ${folder}/main.c ${folder} ${ARGN})
endfunction()
