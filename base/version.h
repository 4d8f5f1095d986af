/* Which Sealift is this? CMakeLists.txt takes it from here. */
#ifndef SEALIFT_BASE_VERSION_H
#define SEALIFT_BASE_VERSION_H

#define SEALIFT_VERSION "0.1.0"

#endif
