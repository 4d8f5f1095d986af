# One seed in two processes must be one run, word for word. The second has its fresh memory filled with
# rubbish by malloc, a longer environment and so other addresses: whatever reads memory that nobody has
# written, or looks at a pointer's value, tells another story.
# cmake -D SIM=sealift-sim -D "SEEDS=1 2 3" -P two_runs.cmake
separate_arguments(SEEDS)
foreach(seed ${SEEDS})
    execute_process(COMMAND ${SIM} --seed ${seed} --transcript
        OUTPUT_VARIABLE first RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "seed ${seed}: ${status}")
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E env MALLOC_PERTURB_=165 LONGER=environment
        ${SIM} --seed ${seed} --transcript OUTPUT_VARIABLE second)
    string(REGEX REPLACE "[0-9]+ seeds, .*" "" first "${first}") # the sums name seeds a minute
    string(REGEX REPLACE "[0-9]+ seeds, .*" "" second "${second}")
    if(NOT first MATCHES "seed ${seed}: hash [0-9a-f]+, [0-9]+ events")
        message(FATAL_ERROR "seed ${seed} does not say its hash")
    endif()
    if(NOT first STREQUAL second)
        message(FATAL_ERROR "seed ${seed}: two processes, two runs")
    endif()
endforeach()
