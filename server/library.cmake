# What a program needs that uses the store as a library: one archive of all floors below, its headers, a pkg-config file.
#   cmake --install build/release --prefix /usr/local --component library
include(GNUInstallDirs)
add_library(dunlin_library STATIC $<TARGET_OBJECTS:dunlin_base> $<TARGET_OBJECTS:dunlin_data>
            $<TARGET_OBJECTS:dunlin_store> $<TARGET_OBJECTS:dunlin_blocking_store>)
set_target_properties(dunlin_library PROPERTIES OUTPUT_NAME dunlin_store LINKER_LANGUAGE C
                      ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/library)

install(TARGETS dunlin_library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
set(HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/dunlin)
install(FILES dunlin_store.h DESTINATION ${HEADERS} COMPONENT library)
install(FILES blocking_store.h shared_store.h guarded_copy.h DESTINATION ${HEADERS}/server COMPONENT library)
foreach(name arena bytes check effect event file text units)
    install(FILES ${CMAKE_SOURCE_DIR}/engine/base/${name}.h DESTINATION ${HEADERS}/engine/base COMPONENT library)
endforeach()
foreach(name store block_compression)
    install(FILES ${CMAKE_SOURCE_DIR}/engine/store/${name}.h DESTINATION ${HEADERS}/engine/store COMPONENT library)
endforeach()

# The prefix is known when it is installed.
install(CODE "
    set(PROJECT_VERSION ${PROJECT_VERSION})
    set(CMAKE_INSTALL_LIBDIR ${CMAKE_INSTALL_LIBDIR})
    set(CMAKE_INSTALL_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
    get_filename_component(CMAKE_INSTALL_PREFIX \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
    configure_file(${CMAKE_CURRENT_SOURCE_DIR}/dunlin_store.pc.in
                   \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/dunlin_store.pc\" @ONLY)
" COMPONENT library)
